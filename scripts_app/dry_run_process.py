"""Dry runs for the web: processes that wait, so that an answer does not wait for a program to start."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
import time
from typing import Any

from django.conf import settings

_AT_ONCE = 2
"""Trials that run side by side; more would take the processors from the images."""
_WAIT = 20.0
"""Seconds to wait for a turn."""
_MARGIN = 75.0
"""Seconds beyond the scripts' own limit; the process itself ends a trial long before."""

_turns = threading.BoundedSemaphore(_AT_ONCE)
_idle: list[_Process] = []


class Unanswered(Exception):
    """There was no result; the text says why, for people."""


def ask(question: dict[str, Any]) -> dict[str, Any]:
    """The answer of the command dry_run_service; Unanswered when it has none."""
    if not _turns.acquire(timeout=_WAIT):
        raise Unanswered("other dry runs are under way; try again in a moment")
    try:
        process = _waiting() or _Process()
        try:
            answer = process.ask(question, settings.CAPACITOR.lua_seconds + _MARGIN)
        except BaseException:
            process.end()
            raise
        _idle.append(process)
        return answer
    finally:
        _turns.release()


def _waiting() -> _Process | None:
    while _idle:
        process = _idle.pop()
        if process.lives():
            return process
        process.end()
    return None


class _Process:
    """It ends by itself when this process does, for its input ends then."""

    def __init__(self) -> None:
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "dry_run_service"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=settings.BASE_DIR
        )

    def lives(self) -> bool:
        return self._process.poll() is None

    def ask(self, question: dict[str, Any], seconds: float) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None  # noqa: S101
        until = time.monotonic() + seconds
        try:
            self._process.stdin.write(json.dumps(question).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise Unanswered("the process for dry runs has ended; try again") from None
        answer = bytearray()
        pipe = self._process.stdout.fileno()
        while not answer.endswith(b"\n"):
            left = until - time.monotonic()
            if left <= 0 or not select.select([pipe], [], [], left)[0]:
                raise Unanswered(f"the dry run did not end within {seconds:g} s")
            chunk = os.read(pipe, 1 << 16)
            if not chunk:
                raise Unanswered("the process for dry runs has ended; try again")
            answer += chunk
        found: dict[str, Any] = json.loads(answer)
        return found

    def end(self) -> None:
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait()
