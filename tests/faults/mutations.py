"""Bytes that were an image once: cut, repeated, flipped, with lengths and VRs that lie; the same for the same seed."""

import random
from collections.abc import Callable

Change = Callable[[bytearray, random.Random], None]
_VRS = [b"SQ", b"UN", b"OB", b"OW", b"UI", b"PN", b"US", b"FD", b"LT", b"??", b"\0\0"]
_LENGTHS = [b"\xff\xff\xff\xff", b"\xfe\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\0\0", b"\x01\0\0\0", b"\xff\xff\xff\x7f"]
_MARKS = [
    b"\xfe\xff\x00\xe0",
    b"\xfe\xff\x0d\xe0",
    b"\xfe\xff\xdd\xe0",
    b"\xe0\x7f\x10\0",
    b"\x02\0\x10\0",
    b"\0\0\0\0",
]


def mutated(content: bytes, seed: int) -> bytes:
    """One to six changes; most of them near the beginning, where the headers are."""
    chance = random.Random(seed)
    changed = bytearray(content)
    for _ in range(chance.randint(1, 6)):
        if changed:
            chance.choice(CHANGES)(changed, chance)
    return bytes(changed)


def _place(content: bytearray, chance: random.Random) -> int:
    reach = min(len(content), chance.choice((256, 1024, len(content))))
    return chance.randrange(reach)


def _flip(content: bytearray, chance: random.Random) -> None:
    content[_place(content, chance)] ^= 1 << chance.randrange(8)


def _set(content: bytearray, chance: random.Random) -> None:
    content[_place(content, chance)] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))


def _cut_end(content: bytearray, chance: random.Random) -> None:
    del content[_place(content, chance) :]


def _cut_out(content: bytearray, chance: random.Random) -> None:
    at = _place(content, chance)
    del content[at : at + chance.randint(1, 64)]


def _repeat(content: bytearray, chance: random.Random) -> None:
    at = _place(content, chance)
    content[at:at] = content[at : at + chance.randint(1, 200)] * chance.randint(1, 20)


def _insert_noise(content: bytearray, chance: random.Random) -> None:
    at = _place(content, chance)
    content[at:at] = chance.randbytes(chance.randint(1, 40))


def _overwrite(*choices: bytes) -> Change:
    def change(content: bytearray, chance: random.Random) -> None:
        at = _place(content, chance) & ~1
        choice = chance.choice(choices)
        content[at : at + len(choice)] = choice

    return change


def _swap(content: bytearray, chance: random.Random) -> None:
    one, other = sorted((_place(content, chance), _place(content, chance)))
    content[:] = content[:one] + content[other:] + content[one:other]


CHANGES: list[Change] = [
    _flip,
    _set,
    _cut_end,
    _cut_out,
    _repeat,
    _insert_noise,
    _overwrite(*_VRS),
    _overwrite(*_LENGTHS),
    _overwrite(*_MARKS),
    _swap,
]
