"""Start a program that reads a stranger's file for a page, in a process of its own with limits of time and memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

_PROJECT = Path(__file__).resolve().parent.parent.parent
_PASSED_ON = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG")
"""Of the environment; the rest holds secrets that a decoder has no use for."""
_AT_ONCE = threading.BoundedSemaphore(2)
"""Programs that one web process runs: pages must not take the processor from the workers."""
_SECONDS = 15.0
_MEMORY_MIB = 1536


class CannotRead(Exception):
    """The file cannot be shown; the text is a sentence that says why."""


def ask(program: str, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """
    What ``routing.engine.<program>`` answers: a line of JSON, and the bytes behind it.

    CannotRead with the program's own words, or how it ended.
    """
    if not _AT_ONCE.acquire(timeout=_SECONDS):
        raise CannotRead("Other files are being read; try again in a moment.")
    try:
        return _answer(program, request)
    finally:
        _AT_ONCE.release()


def _answer(program: str, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", f"routing.engine.{program}", str(_MEMORY_MIB)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=_PROJECT,
        env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        start_new_session=True,
    )
    try:
        told, _ = process.communicate(json.dumps(request).encode(), timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        raise CannotRead(f"Reading the file took longer than {_SECONDS:g} seconds.") from None
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
    line, _, body = told.partition(b"\n")
    try:
        head: dict[str, Any] = json.loads(line)
    except ValueError:
        raise CannotRead(f"The program that reads the file ended, perhaps at its limit of {_MEMORY_MIB} MiB.") from None
    if "error" in head:
        raise CannotRead(head["error"])
    return head, body
