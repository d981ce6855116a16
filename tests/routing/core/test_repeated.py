"""A line of the history that stands for several steps is read as it was written."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from routing.core.repeated import REPEATED, Repeated

NOW = datetime(2026, 3, 29, 2, 30, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize("since", [NOW, NOW.replace(microsecond=0), NOW.astimezone(timezone(timedelta(hours=2)))])
def test_what_a_line_stands_for_is_read_from_its_note(since: datetime) -> None:
    told = Repeated(16980, since)
    assert Repeated.told_by(REPEATED, str(told), NOW + timedelta(days=1)) == told


@pytest.mark.parametrize(("event", "note"), [("deferred", str(Repeated(7, NOW))), (REPEATED, "7 times"), ("sent", "")])
def test_every_other_line_stands_for_itself(event: str, note: str) -> None:
    assert Repeated.told_by(event, note, NOW) == Repeated(1, NOW)
