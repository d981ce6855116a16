"""What of a configuration means a time of day: in the product that of its machine, here that of a setting."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from routing.configuration import nodes_yml
from routing.configuration.nodes_yml import WrittenNode
from routing.configuration.route_targets import code_of
from scripts_app.configuration.lua_yml import WrittenEntry

_LOCAL = re.compile(r"""\bos\s*\.\s*(?:date\b(?!\s*\(?\s*["']!)|time\s*\(?\s*\{)""")
"""Not of a format that begins with an exclamation mark, which is UTC everywhere."""


def local_times(
    nodes: Iterable[WrittenNode], entries: Iterable[WrittenEntry], libraries: Mapping[str, str], zone: str
) -> Iterator[str]:
    """A remark that names all places, for a file that is taken over as it is would mean other hours."""
    schedules = [f"{nodes_yml.FILE}:{node.line}" for node in nodes if node.values["process_schedule"]]
    scripts = [
        f"{file}:{first_line + code.count(chr(10), 0, found.start())}"
        for file, first_line, code in code_of(entries, libraries)
        for found in [_LOCAL.search(code)]
        if found
    ]
    told = [
        f"{what} ({', '.join(dict.fromkeys(places))})"
        for what, places in (("ProcessSchedule", schedules), ("os.date and os.time", scripts))
        if places
    ]
    if told:
        here = f"in the zone CAPACITOR_TIME_ZONE (now {zone})"
        yield f"{' and '.join(told)}: {here}; the product uses that of its machine"
