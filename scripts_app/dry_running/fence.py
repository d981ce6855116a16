"""A child process for work that may never end, grow, or crash: its messages, and how it ended."""

from __future__ import annotations

import json
import math
import os
import resource
import select
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts_app.child_process import die_with_parent, end_group, lower_limits

Tell = Callable[[dict[str, Any], float], None]
"""Send a message to the parent, and say within how many seconds it hears the next one, or the end."""

_MOST_FILES = 256
_MOST_OUTPUT = 64 << 20
_OUT_OF_MEMORY = 77
"""Exit code."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What a child said, and why it said no more."""

    messages: list[dict[str, Any]]
    reason: str
    """Empty when it came through; else ``time``, ``memory``, ``output``, ``stopped``, or how it ended in words."""


def fenced(
    work: Callable[[Tell], None], *, seconds: float, memory_bytes: int, stop_when_readable: int | None = None
) -> Ended:
    """
    Run ``work`` in a forked child, which can do no harm to this process.

    ``seconds`` is how long the child may take until it first says something,
    ``memory_bytes`` how much more address space than this process it may use.
    It is stopped when the file descriptor ``stop_when_readable`` has something to read.
    The caller must have no other threads, and no connection open that both
    sides would use.
    """
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    child = os.fork()
    if not child:
        os.close(reading)
        _run(work, writing, parent, memory_bytes)
    os.close(writing)
    try:
        return _listen(child, reading, seconds, stop_when_readable)
    finally:
        os.close(reading)
        end_group(child)


def _run(work: Callable[[Tell], None], pipe: int, parent: int, memory_bytes: int) -> None:
    """The child's life; it never returns, for nothing of the parent may be run to its end here."""
    code = 1
    try:
        os.setsid()
        die_with_parent(parent)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nowhere, stream)
        _limit(memory_bytes)

        def tell(message: dict[str, Any], seconds: float) -> None:
            deadline = None if math.isinf(seconds) else time.monotonic() + seconds
            line = memoryview(json.dumps([deadline, message]).encode() + b"\n")
            while line:
                line = line[os.write(pipe, line) :]

        work(tell)
        code = 0
    except MemoryError:
        code = _OUT_OF_MEMORY
    finally:
        os._exit(code)


def _limit(memory_bytes: int) -> None:
    used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    # A core dump would hold patient data.
    lower_limits(
        {resource.RLIMIT_CORE: 0, resource.RLIMIT_NOFILE: _MOST_FILES, resource.RLIMIT_AS: used + memory_bytes}
    )


def _listen(child: int, pipe: int, seconds: float, stop: int | None) -> Ended:
    messages: list[dict[str, Any]] = []
    deadline: float | None = time.monotonic() + seconds
    waiting = bytearray()
    heard = 0
    watched = [pipe] if stop is None else [pipe, stop]
    while True:
        left = None if deadline is None else deadline - time.monotonic()
        ready = [] if left is not None and left <= 0 else select.select(watched, [], [], left)[0]
        if not ready:
            return Ended(messages, "time")
        if pipe not in ready:
            return Ended(messages, "stopped")
        chunk = os.read(pipe, 1 << 16)
        if not chunk:
            # Not reaped here: its number must stay its own until what it left has been killed.
            return Ended(messages, _in_words(os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)))
        heard += len(chunk)
        if heard > _MOST_OUTPUT:
            return Ended(messages, "output")
        waiting += chunk
        if b"\n" not in chunk:
            continue
        *lines, rest = waiting.split(b"\n")
        waiting = bytearray(rest)
        for line in lines:
            deadline, message = json.loads(line)
            messages.append(message)


def _in_words(ended: os.waitid_result | None) -> str:
    if ended is None or (ended.si_code == os.CLD_EXITED and not ended.si_status):
        return ""
    if ended.si_code == os.CLD_EXITED and ended.si_status == _OUT_OF_MEMORY:
        return "memory"
    if ended.si_code == os.CLD_EXITED:
        return f"ended (exit code {ended.si_status})"
    return f"crashed (signal {ended.si_status})"
