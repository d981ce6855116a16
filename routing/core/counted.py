"""Numbers of things, as people read them."""


def thousands(number: int) -> str:
    """1234567 as 1 234 567, with narrow spaces that break no line."""
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def counted(number: int, one: str, several: str = "") -> str:
    """1 image, 18 311 images; ``several`` for what takes more than an s."""
    return f"{thousands(number)} {one if number == 1 else several or f'{one}s'}"
