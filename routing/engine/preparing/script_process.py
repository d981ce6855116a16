"""Strict mode: the scripts of one image in a process of their own, which may be another user and is thrown away."""

from __future__ import annotations

import contextlib
import os
import pwd
import resource
import select
import signal
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from routing.engine.preparing.script_messages import (
    LONGEST,
    AskedFacts,
    NotOurs,
    answer,
    decode,
    encode,
    outcome_of,
    place_of,
    said_of,
    told,
)
from routing.processes import capabilities
from scripts_app.child_process import die_with_parent, end_group, lower_limits
from scripts_app.core.lua.limits import Limits
from scripts_app.core.lua.log import OnLine, told_line
from scripts_app.core.outcome import EntryReport, LogLine, Outcome
from scripts_app.core.pipeline import run_entries
from scripts_app.core.ports import Entry, Facts, ScriptSet
from scripts_app.core.workspace import Image

_GRACE = 0.25
"""Seconds for the scripts' own limit to end them politely."""
_MOST_FILES = 256
_MOST_PROCESSES = 64
_LARGEST_FILE = 64 << 20
_PIECE = 1 << 16


class ScriptProcessEnded(Exception):
    """The process of an image ended without an outcome; the text is what the item says."""


@dataclass(frozen=True, slots=True)
class ScriptUser:
    """Who script processes are."""

    uid: int
    gid: int
    home: str


def script_user(name: str) -> ScriptUser | None:
    """The user of this name, None for no name; KeyError when this machine has none."""
    if not name:
        return None
    found = pwd.getpwnam(name)
    return ScriptUser(found.pw_uid, found.pw_gid, found.pw_dir)


At = Callable[[int, int], None]
"""Hears before each entry runs: its number, 0 once none is run any more, and how many have their report."""


def run_apart(
    scripts: ScriptSet, image: Image, facts: Facts, limits: Limits, user: ScriptUser | None, at: At, on_line: OnLine
) -> Outcome:
    """
    As ``run_entries``, in a child that is forked for it; ScriptProcessEnded when it came to no outcome.

    The child asks for facts through a socket and has no other way to the
    database: all descriptors but that one are closed, and files are those that
    ``user`` may open.  What ``facts`` raise is raised here.
    """
    ours, theirs = socket.socketpair()
    parent = os.getpid()
    child = os.fork()
    if not child:
        ours.close()
        _live(lambda: _work(scripts, image, theirs, limits), theirs.fileno(), parent, user)
    theirs.close()
    try:
        with ours:
            return _listen(ours, facts, limits, at, on_line)
    except _Gone:
        raise ScriptProcessEnded(_how_it_ended(child)) from None
    finally:
        # What has left its group falls to the caller's sweep of strays.
        end_group(child)


class _Gone(Exception):
    """The child's end of the socket is closed."""


def _listen(pipe: socket.socket, facts: Facts, limits: Limits, at: At, on_line: OnLine) -> Outcome:
    deadline = time.monotonic() + limits.seconds + _GRACE
    waiting, looked = bytearray(), 0
    while True:
        end = waiting.find(b"\n", looked)
        if end < 0:
            looked = len(waiting)
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([pipe], [], [], left)[0]:
                raise ScriptProcessEnded(limits.time_message)
            piece = b""
            with contextlib.suppress(ConnectionResetError):
                piece = pipe.recv(_PIECE)
            if not piece:
                raise _Gone
            waiting += piece
            if len(waiting) > LONGEST:
                raise ScriptProcessEnded(limits.memory_message)
            continue
        line = bytes(waiting[:end])
        del waiting[: end + 1]
        looked = 0
        try:
            message = decode(line)
            if "outcome" in message:
                return outcome_of(message["outcome"])
            if "at" in message:
                at(*place_of(message["at"]))
                continue
            if "said" in message:
                on_line(*said_of(message["said"]))
                continue
            reply = encode(answer(facts, message))
        except NotOurs as error:
            raise ScriptProcessEnded(str(error)) from error
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            pipe.sendall(reply)


def _how_it_ended(child: int) -> str:
    # Whoever closed the socket is about to end, or hangs without it: then it is ended and said so.
    until = time.monotonic() + 1
    while time.monotonic() < until:
        ended = os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is not None:
            if ended.si_code == os.CLD_EXITED:
                return f"the script ended the process that ran it (exit code {ended.si_status})"
            return f"the script crashed (signal {ended.si_status}) the process that ran it"
        time.sleep(0.01)
    return "the script closed the connection of the process that ran it"


def _live(work: Callable[[], None], pipe: int, parent: int, user: ScriptUser | None) -> None:
    """The child's life; it never returns, for nothing of the parent may be run to its end here."""
    code = 1
    try:
        os.setsid()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        _close_all_but(pipe)
        _limit(alone=user is not None)
        if user is not None:
            capabilities.become(user.uid, user.gid)
            os.environ["HOME"] = user.home
        die_with_parent(parent)
        os.chdir("/")
        work()
        code = 0
    finally:
        os._exit(code)


def _close_all_but(pipe: int) -> None:
    """The database, the spool's folders, logs and locks are the parent's."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    os.closerange(3, pipe)
    os.closerange(pipe + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _limit(*, alone: bool) -> None:
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: _MOST_FILES,
        resource.RLIMIT_FSIZE: _LARGEST_FILE,
    }
    if alone:
        # Counted for the user: with the router's own user its other processes would count, too.
        limits[resource.RLIMIT_NPROC] = _MOST_PROCESSES
    # A file that gets too large is an error of the write, not the end of the process.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    lower_limits(limits)


def _work(scripts: ScriptSet, image: Image, pipe: socket.socket, limits: Limits) -> None:
    reading = pipe.makefile("rb")

    def exchange(message: dict[str, Any]) -> dict[str, Any]:
        pipe.sendall(encode(message))
        return decode(reading.readline())

    def on_entry(entry: Entry | None, reports: Sequence[EntryReport]) -> None:
        pipe.sendall(encode({"at": [entry.number if entry else 0, len(reports)]}))

    def on_line(kind: str, line: LogLine) -> None:
        pipe.sendall(encode({"said": told_line(kind, line)}))

    outcome = run_entries(scripts, image, AskedFacts(exchange), limits, on_entry=on_entry, on_line=on_line)
    pipe.sendall(encode({"outcome": told(outcome)}))
