"""When a node may be sent to."""

import ipaddress
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from routing.core.gates import BadGate, in_schedule, network, on_network, opens_at, why_closed, window

HERE = [ipaddress.ip_address(text) for text in ("127.0.0.1", "192.168.1.20", "fd00::2")]


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-03-01T{clock}")


@pytest.mark.parametrize(
    ("schedule", "clock", "is_open"),
    [
        ([], "03:00", True),
        (["00:00 - 23:59"], "23:59:59", True),
        (["13:30 - 17:00"], "13:29:59", False),
        (["13:30 - 17:00"], "13:30", True),
        (["13:30 - 17:00"], "17:00:59", True),
        (["13:30 - 17:00"], "17:01", False),
        (["22:00 - 06:00"], "23:30", True),
        (["22:00 - 06:00"], "00:00", True),
        (["22:00 - 06:00"], "06:00", True),
        (["22:00 - 06:00"], "06:01", False),
        (["22:00 - 06:00"], "21:59", False),
        (["18:00-24:00"], "23:59:30", True),
        (["18:00-24:00"], "00:00", False),
        (["08:00 - 08:00"], "20:00", True),
        (["08:00 - 09:00", "12:00 - 13:00"], "12:30", True),
        (["08:00 - 09:00", "12:00 - 13:00"], "10:00", False),
    ],
)
def test_a_schedule_is_open_in_its_windows(schedule, clock, is_open):
    assert in_schedule(schedule, at(clock)) is is_open


@pytest.mark.parametrize("text", ["", "8 - 9", "22:00", "25:00 - 26:00", "08:60 - 09:00", "08:00 - 09:00 Mon"])
def test_what_is_no_window_is_shown_with_an_example_or_the_limits(text):
    with pytest.raises(BadGate, match=r"'22:00 - 06:00'|hours go to 23"):
        window(text)


@pytest.mark.parametrize(
    ("networks", "is_on"),
    [
        ([], True),
        (["192.168.1.20"], True),
        (["192.168.1.21"], False),
        (["192.168.1.0"], True),
        (["192.168.2.0"], False),
        (["192.168.2.0", "192.168.1.0/24"], True),
        (["192.168.0.0 / 255.255.0.0"], True),
        (["10.0.0.0/8"], False),
        (["fd00::/8"], True),
        (["fe80::/10"], False),
    ],
)
def test_networks_are_met_by_any_address_of_the_machine(networks, is_on):
    assert on_network(networks, HERE) is is_on


@pytest.mark.parametrize("text", ["", "office", "192.168.1", "10.0.0.0 / 255.0.255.0"])
def test_what_is_no_network_is_shown_with_an_example(text):
    with pytest.raises(BadGate, match=r"192\.168\.1\.0/24"):
        network(text)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, ""),
        ({"enabled": False}, "disabled"),
        ({"paused": True}, "paused"),
        ({"schedule": ["22:00 - 06:00"]}, "outside its schedule 22:00 - 06:00"),
        ({"networks": ["10.0.0.0/8"]}, "no address in 10.0.0.0/8"),
        ({"schedule": ["00:00 - 23:59", "later"]}, "'later' is not a time window"),
        ({"networks": ["127.0.0.1", "office"]}, "'office' is not a network"),
    ],
)
def test_a_closed_gate_says_why_and_one_that_cannot_be_read_is_closed(change, words):
    open_gates = {"enabled": True, "paused": False, "schedule": [], "networks": []}
    why = why_closed(**(open_gates | change), local=at("12:00"), addresses=HERE)
    assert words in why
    assert bool(why) is bool(change)


@pytest.mark.parametrize(
    ("schedule", "clock", "opens"),
    [
        (["22:00 - 06:00"], "12:00", "2026-03-01T22:00"),
        (["22:00 - 06:00", "13:30 - 14:00"], "12:00", "2026-03-01T13:30"),
        (["08:00 - 09:00"], "08:00", "2026-03-02T08:00"),
        (["08:00 - 09:00"], "23:00", "2026-03-02T08:00"),
    ],
)
def test_the_next_window_begins_today_or_tomorrow(schedule: list[str], clock: str, opens: str) -> None:
    assert opens_at(schedule, at(clock)) == datetime.fromisoformat(opens)


@pytest.mark.parametrize(
    ("window", "clock", "opens"),
    [
        # At three the clock goes back to two.
        ("02:30 - 02:40", "2026-10-25T02:10+02:00", "2026-10-25T02:30+02:00"),
        ("02:30 - 02:40", "2026-10-25T02:50+02:00", "2026-10-25T02:30+01:00"),
        ("02:30 - 02:40", "2026-10-25T02:50+01:00", "2026-10-26T02:30+01:00"),
        # At two it goes on to three.
        ("02:15 - 02:45", "2026-03-29T01:00+01:00", "2026-03-30T02:15+02:00"),
        ("02:15 - 06:00", "2026-03-29T01:00+01:00", "2026-03-29T03:15+02:00"),
    ],
)
def test_on_nights_when_the_clock_is_set_a_window_opens_when_it_does(window: str, clock: str, opens: str) -> None:
    local = datetime.fromisoformat(clock).astimezone(ZoneInfo("Europe/Berlin"))
    found = opens_at([window], local)
    assert found is not None
    assert found.isoformat(timespec="minutes") == opens


def test_without_windows_nothing_opens() -> None:
    assert opens_at([], at("12:00")) is None
