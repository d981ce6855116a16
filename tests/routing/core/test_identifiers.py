"""Identifiers grow, tell their time and never repeat."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from routing.core.identifiers import Identifiers, created_at, first_at, identifier_in

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
NOON_MICROSECONDS = int(NOON.timestamp()) * 1_000_000


def test_an_identifier_tells_when_it_was_made() -> None:
    new_id = Identifiers(tag=7, clock=lambda: NOON_MICROSECONDS + 5)
    assert created_at(new_id()) == NOON.replace(microsecond=5)


def test_a_clock_that_stands_still_or_goes_back_still_gives_growing_identifiers() -> None:
    moments = iter([100, 100, 40, 101, 300])
    new_id = Identifiers(tag=1, clock=lambda: NOON_MICROSECONDS + next(moments))
    made = [new_id() for _ in range(5)]
    assert made == sorted(set(made))


def test_two_processes_never_make_the_same_identifier() -> None:
    first, second = (Identifiers(tag, clock=lambda: NOON_MICROSECONDS) for tag in (0, 1023))
    assert not {first() for _ in range(100)} & {second() for _ in range(100)}


def test_threads_never_get_the_same_identifier() -> None:
    new_id = Identifiers(tag=1, clock=lambda: NOON_MICROSECONDS)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: new_id(), range(4000)))
    assert len(set(made)) == 4000


def test_an_identifier_fits_a_signed_64_bit_column_for_centuries() -> None:
    far = int(datetime(2300, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
    assert Identifiers(1023, clock=lambda: far)() < 2**63


def test_first_at_parts_the_identifiers_before_a_moment_from_those_after_it() -> None:
    before = Identifiers(1023, clock=lambda: NOON_MICROSECONDS - 1)()
    at = Identifiers(0, clock=lambda: NOON_MICROSECONDS)()
    assert before < first_at(NOON) <= at


@pytest.mark.parametrize("tag", [-1, 1024])
def test_a_tag_that_does_not_fit_is_refused(tag: int) -> None:
    with pytest.raises(ValueError, match=f"process tag {tag} is outside 0 to 1023"):
        Identifiers(tag)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *[("17", 17), ("0", 0), ("9" * 18, 10**18 - 1), ("9" * 19, None)],
        *[("", None), (None, None), ("-1", None), ("1.0", None), (" 1", None), ("\u0661", None)],
    ],
)
def test_an_address_gives_the_number_of_a_row_or_none(text: str | None, number: int | None) -> None:
    assert identifier_in(text) == number
