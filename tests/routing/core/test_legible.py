"""Text of strangers on pages: only what cannot be seen is written by its number."""

import pytest

from routing.core.legible import legible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Müller^Änne=山田", "Müller^Änne=山田"),
        ("\u05db\u05d4\u05df\u200f", "\u05db\u05d4\u05df\u200f"),
        ("\u0645\u06cc\u200c\u062e", "\u0645\u06cc\u200c\u062e"),
        ("one\n\ttwo\r", "one\n\ttwo\r"),
        ("A17\u202e", "A17<U+202E>"),
        ("\u2067x\u2069", "<U+2067>x<U+2069>"),
        ("\x1b$B;3EDB@O:", "<U+001B>$B;3EDB@O:"),
        ("47\x0011", "47<U+0000>11"),
        ("", ""),
    ],
)
def test_what_cannot_be_seen_is_written_by_its_number(text: str, shown: str) -> None:
    assert legible(text) == shown
