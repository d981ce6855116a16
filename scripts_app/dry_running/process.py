"""Dry runs for the web: processes that wait, so that an answer does not wait for a program to start."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings

_AT_ONCE = 2
"""Trials that run side by side; more would take the processors from the images."""
_WAIT = 20.0
"""Seconds to wait for a turn."""
_MARGIN = 75.0
"""Seconds beyond the scripts' own limit; the process itself ends a trial long before."""

STOP = {"stop": True}
"""Said to a process while it is busy: nobody waits for the result.  Its answer is the same then."""

_turns = threading.BoundedSemaphore(_AT_ONCE)
_idle: list[_Process] = []
_lock = threading.Lock()
_latest: dict[str, object] = {}
_busy: dict[str, _Process] = {}


class Unanswered(Exception):
    """There was no result; the text says why, for people."""


class Superseded(Unanswered):
    """The same person has asked again meanwhile."""


def ask(question: dict[str, Any], who: str = "") -> dict[str, Any]:
    """
    The answer of the command dry_run_service; Unanswered when it has none.

    ``who``: whose earlier question, if there is one, ends with Superseded; empty: nobody's.
    """
    mine = _supersede(who)
    if not _turns.acquire(timeout=_WAIT):
        raise Unanswered("other dry runs are under way; try again in a moment")
    try:
        process = _waiting() or _Process()
        try:
            with _told(process, question, who, mine):
                answer = process.answer(settings.CAPACITOR.lua_seconds + _MARGIN)
        except Superseded:
            _idle.append(process)
            raise
        except BaseException:
            process.end()
            raise
        _idle.append(process)
    finally:
        _turns.release()
    if answer == STOP:
        raise Superseded
    return answer


def _supersede(who: str) -> object:
    """Stop the earlier question; answers what tells this one from later ones."""
    mine = object()
    if who:
        with _lock:
            _latest[who] = mine
            if who in _busy:
                _busy[who].tell(STOP)
    return mine


@contextmanager
def _told(process: _Process, question: dict[str, Any], who: str, mine: object) -> Iterator[None]:
    """Put the question, and let the process be stopped as long as it is busy with it, not a moment longer."""
    with _lock:
        if who and _latest.get(who) is not mine:
            raise Superseded
        process.tell(question)
        if who:
            _busy[who] = process
    try:
        yield
    finally:
        with _lock:
            if _busy.get(who) is process:
                del _busy[who]
            if _latest.get(who) is mine:
                del _latest[who]


def _waiting() -> _Process | None:
    while (process := _taken()) is not None:
        if process.lives():
            return process
        process.end()
    return None


def _taken() -> _Process | None:
    """Without a look whether there is one: another thread may take the last one behind it."""
    with contextlib.suppress(IndexError):
        return _idle.pop()
    return None


def end_idle() -> None:
    """End the processes that wait for a question; for programs that seldom have one."""
    while (process := _taken()) is not None:
        process.end()


class _Process:
    """It ends by itself when this process does, for its input ends then."""

    def __init__(self) -> None:
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "dry_run_service"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=settings.BASE_DIR
        )

    def lives(self) -> bool:
        return self._process.poll() is None

    def tell(self, line: dict[str, Any]) -> None:
        assert self._process.stdin is not None  # noqa: S101
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(line).encode() + b"\n")
            self._process.stdin.flush()

    def answer(self, seconds: float) -> dict[str, Any]:
        assert self._process.stdout is not None  # noqa: S101
        until = time.monotonic() + seconds
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
