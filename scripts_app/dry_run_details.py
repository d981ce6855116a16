"""What a page shows of a dry run besides its result: differences element by element, lines with their places, costs."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from scripts_app.core.dataset.difference import differing
from scripts_app.core.dataset.document import Document, NotIndexable
from scripts_app.core.dataset.opening import Opened
from scripts_app.core.dataset.slow_path import write_part10
from scripts_app.core.outcome import LogLine, Outcome, Output


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


def details_of(outcome: Outcome, received: Opened, drafts: Path) -> dict[str, Any]:
    """As JSON values; ``drafts`` is a folder for files that are compared and removed again."""
    syntax = received.transfer_syntax_uid()
    return {
        "outputs": [
            {
                "sop_class_uid": output.identity.sop_class_uid,
                "transfer_syntax_uid": syntax,
                **_differences(output, received, drafts / "output.dcm"),
            }
            for output in outcome.outputs
        ],
        "printed": _lines(outcome.item_log),
        "logged": _lines(outcome.log),
    }


def _differences(output: Output, received: Opened, draft: Path) -> dict[str, Any]:
    if output.recipe is None:
        return {"differences": [], "cut": False}
    base = received.base or received.path
    try:
        write_part10(base, output.recipe, output.identity, received.document.transfer_syntax_uid, draft)
        # The document at hand carries the edits of the entries.
        with Document.open(base) as before, Document.open(draft) as after:
            rows, cut = differing(before, after)
    except NotIndexable:
        return {"differences": [], "cut": True}
    finally:
        draft.unlink(missing_ok=True)
    return {"differences": [asdict(row) for row in rows], "cut": cut}


def _lines(lines: Iterable[LogLine]) -> list[dict[str, Any]]:
    return [asdict(line) for line in lines]
