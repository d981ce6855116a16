"""Start a program that reads a stranger's file for a page, in a process of its own with limits of time and memory."""

from __future__ import annotations

import json
import subprocess
import threading
from typing import Any

from routing.engine.reading import limited_program

_AT_ONCE = threading.BoundedSemaphore(2)
"""Programs that one web process runs: pages must not take the processor from the workers."""
_SECONDS = 15.0
_MEMORY_MIB = 1536


class CannotRead(Exception):
    """The file cannot be shown; the text is a sentence that says why."""


def ask(program: str, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """
    What ``routing.engine.reading.<program>`` answers: a line of JSON, and the bytes behind it.

    CannotRead with the program's own words, or how it ended.
    """
    if not _AT_ONCE.acquire(timeout=_SECONDS):
        raise CannotRead("Other files are being read; try again in a moment.")
    try:
        return _answer(program, request)
    finally:
        _AT_ONCE.release()


def _answer(program: str, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    process = limited_program.start(f"routing.engine.reading.{program}", _MEMORY_MIB)
    try:
        told, _ = process.communicate(json.dumps(request).encode(), timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        raise CannotRead(f"Reading the file took longer than {_SECONDS:g} seconds.") from None
    finally:
        limited_program.end(process)
    line, _, body = told.partition(b"\n")
    try:
        head: dict[str, Any] = json.loads(line)
    except ValueError:
        raise CannotRead(f"The program that reads the file ended, perhaps at its limit of {_MEMORY_MIB} MiB.") from None
    if "error" in head:
        raise CannotRead(head["error"])
    return head, body
