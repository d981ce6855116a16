"""What a page shows of a dry run besides its result: differences element by element, lines with their places, costs."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from scripts_app.core.conditions.pattern import read_pattern
from scripts_app.core.dataset.difference import differing
from scripts_app.core.dataset.document import DatasetError, Document, NotIndexable
from scripts_app.core.dataset.opening import Opened
from scripts_app.core.dataset.slow_path import write_part10
from scripts_app.core.outcome import LogLine, Outcome, Output

Reading = tuple[str, str]
"""A path, and a pattern that its value is matched with; empty for none."""


class Meter:
    """Time and memory that this process uses from here on."""

    def __init__(self) -> None:
        self._begun = time.perf_counter()
        self._before = _peak()

    def read(self) -> dict[str, Any]:
        """Memory is the peak beyond what the process had: VM, values, and pages of the file that were looked at."""
        return {
            "milliseconds": round((time.perf_counter() - self._begun) * 1000, 1),
            "memory_bytes": _peak() - self._before,
        }


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def details_of(outcome: Outcome, received: Opened, drafts: Path, read: Sequence[Reading] = ()) -> dict[str, Any]:
    """
    As JSON values; ``drafts`` is a folder for files that are compared and removed again.

    Of each output ``read`` tells path, pattern, whether the element is there, its value (null for what has no
    text), whether that matches, and where the path cannot be followed in this image, why.
    """
    syntax = received.transfer_syntax_uid()
    return {
        "outputs": [
            {
                "sop_class_uid": output.identity.sop_class_uid,
                "transfer_syntax_uid": syntax,
                **_differences(output, received, drafts / "output.dcm", read),
            }
            for output in outcome.outputs
        ],
        "printed": _lines(outcome.item_log),
        "logged": _lines(outcome.log),
    }


def _differences(output: Output, received: Opened, draft: Path, read: Sequence[Reading]) -> dict[str, Any]:
    base = received.base or received.path
    try:
        # The document at hand carries the edits of the entries.
        with Document.open(base) as before:
            if output.recipe is None:
                return {"differences": [], "cut": False, "read": _read(before, read)}
            write_part10(base, output.recipe, output.identity, received.document.transfer_syntax_uid, draft)
            with Document.open(draft) as after:
                rows, cut = differing(before, after)
                return {"differences": [asdict(row) for row in rows], "cut": cut, "read": _read(after, read)}
    except NotIndexable:
        return {"differences": [], "cut": True, "read": []}
    finally:
        draft.unlink(missing_ok=True)


def _read(document: Document, wanted: Iterable[Reading]) -> list[list[Any]]:
    """Patterns are matched here, where one that never comes to an end harms nobody."""
    found: list[list[Any]] = []
    for path, pattern in wanted:
        try:
            there = document.root.exists(path)
        except DatasetError as error:
            # Such as one item of several, and the path does not say which.
            found.append([path, pattern, False, None, False, str(error)])
            continue
        try:
            value = document.root.get(path)
        except DatasetError:
            # A sequence or bytes: it is there, and has no text.
            value = None
        matches = bool(pattern) and value is not None and read_pattern(pattern).matches(value)
        found.append([path, pattern, there, value, matches])
    return found


def _lines(lines: Iterable[LogLine]) -> list[dict[str, Any]]:
    return [asdict(line) for line in lines]
