"""What a script finds in the queue: the whole of it, as it was, in little memory."""

import tracemalloc
from datetime import UTC, datetime

import pytest

from routing.engine.preparing.found_items import FoundItems

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def rows(count):
    for number in range(count):
        uids = (f"1.2.3.{number // 500}", "1.2.3.4", f"1.2.3.4.{number}", "1.2.840.10008.5.1.4.1.1.2")
        yield (number, "Failed", "CT_1", "PACS", *uids, "CT", "T-1", "TEST", "A-1", 3, "no connection", "", AT, AT)


def test_every_item_is_there_in_its_order():
    found = FoundItems(rows(1201))
    assert len(found) == 1201
    assert [item.id for item in found] == list(range(1201))
    assert [found[place].id for place in (1200, 0, 700, -1)] == [1200, 0, 700, 1200]
    assert [item.id for item in found[498:502]] == [498, 499, 500, 501]
    assert (found[500].createdAt, found[500].format) == ("2026-03-01T12:00:00+00:00", "dcm")
    with pytest.raises(IndexError):
        found[1201]


def test_those_that_are_in_no_database_come_last():
    (own,) = FoundItems(rows(1))
    found = FoundItems(rows(501)).followed_by([own])
    assert [item.id for item in found][-2:] == [500, 0]
    assert len(found) == 502


def test_nothing_found_is_an_empty_list():
    assert list(FoundItems([])) == []


def test_a_long_queue_takes_a_tenth_of_what_its_rows_would():
    tracemalloc.start()
    found = FoundItems(rows(20_000))
    packed = tracemalloc.get_traced_memory()[0]
    whole = list(found)
    held = tracemalloc.get_traced_memory()[0] - packed
    tracemalloc.stop()
    assert len(whole) == 20_000
    assert packed * 10 < held
