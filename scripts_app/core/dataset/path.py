"""Paths as scripts write them: a tag, ``Seq[2].Tag`` and ``Seq[Tag='V'].Tag``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from scripts_app.core.dataset.dictionary import tag_of
from scripts_app.core.dataset.errors import DatasetError

_NUMERIC = re.compile(r"\(?([0-9A-Fa-f]{4}),?([0-9A-Fa-f]{4})\)?")
_STEP = re.compile(
    r"""\s*(?P<tag>[^.\[\]]*?)\s*
        (?:\[\s*(?:
            (?P<number>-?\d+)
          | (?P<selector>[^=\]'"]+?)\s*=\s*(?P<quote>['"])(?P<value>.*?)(?P=quote)
        )\s*\])?
        \s*(?P<end>\.|$)""",
    re.VERBOSE | re.DOTALL,
)
_DEEPEST = 64


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a path; at most one of ``number`` and ``selector`` is given."""

    tag: int
    number: int | None = None
    """Item, 1-based."""
    selector: int | None = None
    """Tag whose value chooses the item."""
    value: str = ""

    @property
    def chooses_items(self) -> bool:
        return self.number is not None or self.selector is not None


@lru_cache(maxsize=8192)
def parsed(path: str) -> tuple[Step, ...]:
    """
    The steps of a path.

    Tags are keywords, ``gggg,eeee``, ``(gggg,eeee)`` or ``ggggeeee``.
    DatasetError names the path, what is wrong with it and the nearest keyword.
    """
    steps: list[Step] = []
    at = 0
    while True:
        found = _STEP.match(path, at)
        if found is None or not found["tag"]:
            raise DatasetError(f"path {path!r} cannot be read at {path[at : at + 40]!r}: {_FORMS}")
        number = int(found["number"]) if found["number"] and len(found["number"]) < 10 else None
        if found["number"] and (number is None or number < 1):
            raise DatasetError(f"path {path!r}: no item [{found['number'][:20]}], the first one is [1]")
        selector = parsed_tag(found["selector"].strip()) if found["selector"] else None
        steps.append(Step(parsed_tag(found["tag"]), number, selector, found["value"] or ""))
        if len(steps) > _DEEPEST:
            raise DatasetError(f"path {path[:80]!r}... is deeper than {_DEEPEST} levels")
        if not found["end"]:
            return tuple(steps)
        at = found.end()


_FORMS = "write a tag (PatientName or 0010,0010), Sequence[1].Tag or Sequence[Tag='value'].Tag"


def parsed_tag(word: str) -> int:
    """One tag in any of its forms; DatasetError when it is none."""
    numeric = _NUMERIC.fullmatch(word)
    if numeric:
        return int(numeric[1] + numeric[2], 16)
    return tag_of(word)
