"""The 130 faults: what is done to the router, what has to follow, and which of them do not apply to it."""

from dataclasses import dataclass
from pathlib import Path

DOES_NOT_APPLY = {
    108: "The router neither requests nor offers storage commitment (PS3.4 annex J). What keeps a file is its own "
    "rule: until every destination has answered Success, and a day beyond (`CAPACITOR_KEEP_FILES_SECONDS`).",
}
"""Case and reason."""


@dataclass(frozen=True)
class Case:
    """One fault."""

    number: int
    section: str
    """Letter and name."""
    done: str
    promised: str


def _read() -> dict[int, Case]:
    cases = {}
    section = ""
    for line in (Path(__file__).parent / "cases.txt").read_text(encoding="utf-8").splitlines():
        columns = [column.strip() for column in line.split("|")]
        if len(columns) == 3:
            number = int(columns[0])
            cases[number] = Case(number, section, columns[1], columns[2])
        elif line:
            section = line
    return cases


CASES = _read()
