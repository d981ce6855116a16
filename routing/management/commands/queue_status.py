"""How many items are in which state, for every destination, and how long the oldest has waited."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from routing.models import QueueItem
from routing.processes.start_report import start_report


class Command(BaseCommand):
    help = "Count the items by state and destination."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="for programs: states, destinations, oldest waiting")

    def handle(self, *args: Any, **options: Any) -> None:
        status = queue_status()
        if options["json"]:
            self.stdout.write(json.dumps(status))
        else:
            self.stdout.write(f"{as_table(status)}\nat the last start: {start_report().words()}")


def queue_status() -> dict[str, Any]:
    """
    The counts under the names of decision D17.

    ``oldest_waiting_seconds`` is the age of the oldest New or Prepared item,
    None when there is none.  ``start`` tells what the comparison of rows and
    files at the last start came to, ``unreadable`` which files of the spool
    can be in no queue now: how many, and the names of the first.
    """
    oldest, start = QueueItem.objects.oldest_waiting_at(), start_report()
    return {
        "states": QueueItem.objects.counts(),
        "destinations": QueueItem.objects.counts_by_destination(),
        # A clock that was set back must not make an age negative.
        "oldest_waiting_seconds": None if oldest is None else max(0.0, (timezone.now() - oldest).total_seconds()),
        "start": start.as_json(),
        "unreadable": {"count": start.unreadable, "files": list(start.unreadable_files)},
    }


def as_table(status: dict[str, Any]) -> str:
    """The counts for people: a line for each destination, a column for each state, the totals last."""
    states = list(status["states"])
    rows = [["destination", *states]]
    rows += [[title, *(str(counts.get(s, 0)) for s in states)] for title, counts in status["destinations"].items()]
    rows.append(["all", *(str(status["states"][s]) for s in states)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]
    age = status["oldest_waiting_seconds"]
    lines.append("nothing waits" if age is None else f"the oldest item that waits came {_duration(age)} ago")
    return "\n".join(lines)


def _duration(seconds: float) -> str:
    """Two units at the most: ``2 h 5 min``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    first = next((at for at, (number, _) in enumerate(parts) if number), len(parts) - 1)
    return " ".join(f"{number} {unit}" for number, unit in parts[first : first + 2] if number) or "0 s"
