"""When a node may be sent to: times of day and networks, as nodes.yml writes them; gates are not failures."""

import ipaddress
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_WINDOW = re.compile(r"\s*(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})\s*")


class BadGate(ValueError):
    """Neither a window of a day nor a network; the text shows how one is written."""


@dataclass(frozen=True, slots=True)
class Window:
    """
    A part of every day, both minutes included; ``23:00 - 05:59`` crosses midnight.

    Equal minutes are the whole day, as is ``00:00 - 23:59``.
    """

    first: time
    last: time

    def contains(self, moment: time) -> bool:
        minute = moment.replace(second=0, microsecond=0, tzinfo=None)
        if self.first < self.last:
            return self.first <= minute <= self.last
        if self.first == self.last:
            return True
        return minute >= self.first or minute <= self.last


def window(text: str) -> Window:
    """Read ``HH:MM - HH:MM``; 24:00 is the end of the day.  BadGate when it is something else."""
    found = _WINDOW.fullmatch(text)
    if found is None:
        raise BadGate(f"{text!r} is not a time window such as '22:00 - 06:00'")
    first_hour, first_minute, last_hour, last_minute = map(int, found.groups())
    if (last_hour, last_minute) == (24, 0):
        last_hour, last_minute = 23, 59
    try:
        return Window(time(first_hour, first_minute), time(last_hour, last_minute))
    except ValueError:
        raise BadGate(f"{text!r} names a time that no clock shows; hours go to 23, minutes to 59") from None


def network(text: str) -> Network:
    """
    Read an address, a network in CIDR form or with its mask, or ``x.x.x.0``, which is a network of 256 addresses.

    BadGate when it is none of them.
    """
    bare = text.replace(" ", "")
    if "/" not in bare and bare.endswith(".0"):
        bare += "/24"
    try:
        return ipaddress.ip_network(bare, strict=False)
    except ValueError:
        raise BadGate(f"{text!r} is not a network such as '192.168.1.0/24' or '10.0.0.0 / 255.0.0.0'") from None


def in_schedule(schedule: Sequence[str], local: datetime) -> bool:
    """Whether a local moment lies in one of the windows; no windows are always."""
    windows = [window(text) for text in schedule]
    return not windows or any(one.contains(local.time()) for one in windows)


def opens_at(schedule: Sequence[str], local: datetime) -> datetime | None:
    """The next moment at which a window begins, in the zone of ``local``; None without windows."""
    days = [local.date() + timedelta(days=days) for days in range(3)]
    begins = [at for text in schedule for day in days for at in _begins(window(text), day, local.tzinfo)]
    # Of one zone, moments are compared by what its clock shows, which goes back once a year.
    return min((at for at in begins if at.timestamp() > local.timestamp()), key=datetime.timestamp, default=None)


def _begins(one: Window, day: date, zone: tzinfo | None) -> Iterator[datetime]:
    """When a window begins on a day: twice in an hour that comes twice, in one that is left out only if it lasts."""
    for fold in (0, 1):
        begin = datetime.combine(day, one.first, zone).replace(fold=fold)
        shown = datetime.fromtimestamp(begin.timestamp(), zone)
        if shown.replace(tzinfo=None) == begin.replace(tzinfo=None) or (not fold and one.contains(shown.time())):
            yield shown


def on_network(networks: Sequence[str], addresses: Iterable[Address]) -> bool:
    """Whether this machine has an address in one of the networks; no networks are everywhere."""
    known = [network(text) for text in networks]
    return not known or any(address in one for address in addresses for one in known)


def why_closed(
    *,
    enabled: bool,
    paused: bool,
    schedule: Sequence[str],
    networks: Sequence[str],
    local: datetime,
    addresses: Iterable[Address],
) -> str:
    """
    Why nothing is sent to a node at the moment; empty: the gates are open.

    A gate that can't be read is closed: sending at a forbidden hour is worse than waiting visibly.
    """
    if not enabled:
        return "the node is disabled"
    if paused:
        return "the node is paused"
    try:
        if not in_schedule(schedule, local):
            return f"outside its schedule {', '.join(schedule)}"
        if not on_network(networks, addresses):
            return f"this machine has no address in {', '.join(networks)}"
    except BadGate as error:
        return str(error)
    return ""
