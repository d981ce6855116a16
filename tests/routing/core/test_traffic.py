"""The history counted minute by minute, and put together into bars."""

from datetime import UTC, datetime, timedelta

import pytest

from routing.core.traffic import SPANS, Happening, Tally, bars, minute_of, moment_of, tallies

AT = datetime(2026, 3, 1, 2, 10, 30, tzinfo=UTC)
MINUTE = minute_of(AT)


def happening(event: str, *, at: datetime = AT, from_state: str = "Prepared", to: str = "PACS") -> Happening:
    return Happening(minute_of(at), event, from_state, to, 1, 1000)


def test_each_event_is_counted_where_it_belongs() -> None:
    events = ["received", "delivered", "delivered", "deferred", "refused", "gave up", "prepared", "copied"]
    assert tallies(map(happening, events), 0) == {
        (MINUTE, "PACS"): Tally(1, 2, 1, 1, 1, bytes_received=1000, bytes_delivered=2000)
    }


def test_what_happened_several_times_counts_so_often() -> None:
    events = ["received", "delivered", "deferred", "refused", "gave up"]
    thrice = [Happening(MINUTE, event, "Prepared", "PACS", 3, 7000) for event in events]
    assert tallies(thrice, 0) == {(MINUTE, "PACS"): Tally(3, 3, 3, 3, 3, bytes_received=7000, bytes_delivered=7000)}


def test_a_script_that_asks_for_another_try_puts_off_no_delivery() -> None:
    assert tallies([happening("deferred", from_state="New")], 0) == {}


def test_minutes_and_destinations_are_kept_apart_and_old_ones_left_out() -> None:
    found = tallies(
        [
            happening("delivered"),
            happening("delivered", at=AT + timedelta(minutes=1)),
            happening("delivered", to="AI"),
            happening("delivered", at=AT - timedelta(minutes=1)),
        ],
        MINUTE,
    )
    assert set(found) == {(MINUTE, "PACS"), (MINUTE + 1, "PACS"), (MINUTE, "AI")}


@pytest.mark.parametrize("span", SPANS, ids=lambda span: span.name)
def test_a_span_has_all_its_bars_and_the_last_one_holds_the_last_full_minute(span) -> None:
    drawn = bars(span, {span.first_bar(AT): Tally(received=7)}, AT)
    assert len(drawn) == span.bars
    assert drawn[0][1].received == 7
    assert not any(tally.received for _, tally in drawn[1:])
    length = timedelta(minutes=span.bar_minutes)
    full = moment_of(MINUTE - 1)
    assert span.begins(drawn[-1][0]) <= full < span.begins(drawn[-1][0]) + length
    assert moment_of(span.first_minute(AT)) == span.begins(drawn[0][0])


def test_the_newest_bar_is_as_long_as_it_has_lasted() -> None:
    hour = SPANS[0]
    assert hour.seconds(MINUTE, AT) == 30
    assert hour.seconds(MINUTE - 1, AT) == 60
    assert hour.seconds(MINUTE, moment_of(MINUTE)) == 1


def test_tallies_add_up() -> None:
    assert Tally(1, 2, 3, 4, 5, 6, 7) + Tally(1, 1, 1, 1, 1, 1, 1) == Tally(2, 3, 4, 5, 6, 7, 8)
