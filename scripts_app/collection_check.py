"""What keeps a collection from being activated: no Lua, bad conditions, names that mean nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts_app.core.collection import Collection, title_of
from scripts_app.core.conditions.check import check_condition
from scripts_app.core.library_path import IllegalPath, checked_path
from scripts_app.core.lua.source import check_script
from scripts_app.core.nearest import did_you_mean
from scripts_app.core.script_content import condition_from_content
from scripts_app.models import EntryCondition


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake, and where it is."""

    where: str
    """Title of the entry, or path of the library."""
    line: int | None
    message: str

    def __str__(self) -> str:
        return f"{self.where}{f', line {self.line}' if self.line else ''}: {self.message}"


def faults(collection: Collection, ae_titles: Iterable[str]) -> list[Fault]:
    """Every mistake; disabled entries are checked as well, for one click enables them."""
    known = list(ae_titles)
    found = [fault for entry in collection["entries"] for fault in entry_faults(entry, collection["libraries"], known)]
    for path, source in collection["libraries"].items():
        try:
            checked_path(path)
        except IllegalPath as error:
            found.append(Fault(path, None, str(error)))
        found += [Fault(path, problem.line, problem.message) for problem in check_script(source, path)]
    return found


def entry_faults(entry: Mapping[str, Any], libraries: Mapping[str, str], known: Sequence[str]) -> Iterator[Fault]:
    title = title_of(entry)
    if "library" in entry:
        if entry["library"] not in libraries:
            yield Fault(title, None, f"no library file {entry['library']!r}{did_you_mean(entry['library'], libraries)}")
    elif not entry["script"].strip():
        yield Fault(title, None, "the script is empty")
    else:
        for problem in check_script(entry["script"], title):
            yield Fault(title, problem.line, problem.message)
    for condition in map(condition_from_content, entry["conditions"]):
        for message in (*check_condition(condition), *EntryCondition.overlong(condition)):
            yield Fault(title, None, message)
    for ae_title in entry["ae_titles"]:
        if ae_title not in known:
            yield Fault(title, None, f"{ae_title!r} is no Storage node{did_you_mean(ae_title, known)}")
