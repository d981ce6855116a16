"""Transcode a data set losslessly in a process of its own, which has limits of time and memory."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from routing.engine.reading import limited_program

_PROGRAM = "routing.engine.transcoding.transcoder"
_PIECE = 1 << 20
_SLOWEST = 1 << 19
"""
Bytes of a data set for which a second more is given.

An encoder of JPEG 2000 gets through some 2 MB in a second, a decoder of it through 1 MB; a busy machine through less.
"""
_LONGEST_HEAD = 4096


class CannotTranscode(Exception):
    """There is no lossless way into the other transfer syntax, for this data set or at all."""


class CannotStart(Exception):
    """The transcoding process does not start: something is wrong with this installation, not with the data set."""


class _Killed(CannotTranscode):
    """Somebody or the kernel has killed the process: its own limits end it in other ways."""


class Transcoder:
    """A process that is started when first needed, and again after it was killed; for one thread."""

    def __init__(self, seconds: float, memory_mib: int) -> None:
        """``seconds``: for a small data set, reading, checking and the first start included; a large one gets more."""
        self._seconds = self._limit = seconds
        self._memory_mib = memory_mib
        self._process: subprocess.Popen[bytes] | None = None
        self._unread = b""

    def transcode(self, dataset: Sequence[memoryview], before: str, after: str) -> Iterator[bytes]:
        """
        The data set in transfer syntax ``after``, in pieces; the caller takes all of them.

        CannotTranscode says why not: before the first piece, unless the process dies over it.  CannotStart.
        """
        length = sum(map(len, dataset))
        self._limit = self._seconds + length // _SLOWEST
        until = time.monotonic() + self._limit
        request = json.dumps({"length": length, "before": before, "after": after}).encode() + b"\n"
        try:
            process, answer = self._answer(request, dataset, until)
            if "error" in answer:
                raise CannotTranscode(answer["error"])
            left = answer["length"]
            while left:
                piece = self._read(process, left, until)
                left -= len(piece)
                yield piece
        except CannotTranscode:
            raise
        except BaseException:
            # Whatever is still in the pipes belongs to this data set and must not be taken for the next.
            self.close()
            raise

    def _answer(
        self, request: bytes, dataset: Sequence[memoryview], until: float
    ) -> tuple[subprocess.Popen[bytes], dict[str, Any]]:
        """The process that answers, and the head of its answer."""
        for _ in range(2):
            try:
                process = self._process or self._start(until)
                for part in chain([memoryview(request)], dataset):
                    self._write(process, part, until)
                answer: dict[str, Any] = json.loads(self._line(process, until))
            except _Killed:
                # Perhaps while it waited for work: nothing says that this data set had a part in it.
                continue
            return process, answer
        raise CannotTranscode("the transcoding process was killed twice")

    def close(self) -> None:
        """End the process."""
        process, self._process, self._unread = self._process, None, b""
        if process is not None:
            limited_program.end(process)

    def _start(self, until: float) -> subprocess.Popen[bytes]:
        process = self._process = limited_program.start(_PROGRAM, self._memory_mib, bufsize=0)
        for pipe in (process.stdin, process.stdout):
            os.set_blocking(_descriptor(pipe), False)
        try:
            self._line(process, until)
        except CannotTranscode as error:
            raise CannotStart(f"the transcoding process does not start: {error}") from None
        return process

    def _write(self, process: subprocess.Popen[bytes], content: memoryview, until: float) -> None:
        descriptor = _descriptor(process.stdin)
        at = 0
        while at < len(content):
            self._await(descriptor, select.POLLOUT, until)
            try:
                at += os.write(descriptor, content[at : at + _PIECE])
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise self._died(process) from None

    def _line(self, process: subprocess.Popen[bytes], until: float) -> bytes:
        while b"\n" not in self._unread:
            if len(self._unread) > _LONGEST_HEAD:
                raise self._died(process)
            self._unread += self._received(process, until)
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _read(self, process: subprocess.Popen[bytes], most: int, until: float) -> bytes:
        found = self._unread or self._received(process, until)
        self._unread = found[most:]
        return found[:most]

    def _received(self, process: subprocess.Popen[bytes], until: float) -> bytes:
        descriptor = _descriptor(process.stdout)
        self._await(descriptor, select.POLLIN, until)
        received = os.read(descriptor, _PIECE)
        if not received:
            raise self._died(process)
        return received

    def _await(self, descriptor: int, event: int, until: float) -> None:
        poll = select.poll()
        poll.register(descriptor, event)
        if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
            self.close()
            raise CannotTranscode(f"transcoding took longer than {self._limit:g} s")

    def _died(self, process: subprocess.Popen[bytes]) -> CannotTranscode:
        # It may have closed its side and still be about to end.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1)
        killed = process.returncode == -signal.SIGKILL
        self.close()
        if killed:
            return _Killed("the transcoding process was killed")
        return CannotTranscode(f"the transcoding process ended, perhaps at its limit of {self._memory_mib} MiB")


def _descriptor(pipe: object) -> int:
    fileno: int = pipe.fileno()  # type: ignore[attr-defined]
    return fileno
