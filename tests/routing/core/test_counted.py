"""Numbers of things, as people read them."""

import pytest

from routing.core.counted import counted


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "0 images"),
        (1, "1 image"),
        (999, "999 images"),
        (18311, "18\u202f311 images"),
        (1234567, "1\u202f234\u202f567 images"),
    ],
)
def test_thousands_stand_apart_and_one_is_one(number: int, said: str) -> None:
    assert counted(number, "image") == said


def test_what_takes_more_than_an_s_is_named() -> None:
    assert counted(1, "copy", "copies") == "1 copy"
    assert counted(2, "copy", "copies") == "2 copies"
