"""
The parent of one worker: starts its processes, ends one whose script does not end, and replaces what dies.

It has no threads and no database connection, so that forking is safe, and runs
nothing that a script or a sender can influence.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from django.db import connections

from routing.engine.watching.strays import end_strays, take_in_orphans
from routing.engine.watching.watch import Casualty, Watch
from routing.processes import capabilities
from routing.processes.sd_notify import Notifier
from scripts_app.child_process import die_with_parent
from scripts_app.core.dataset.opening import OPENING

log = logging.getLogger("capacitor.watchdog")

FILE_MESSAGE = f"scripts cannot edit its file as it stands, and to write it anew takes more than {OPENING:g} s"
_LOOK = 0.1
"""Seconds between two looks at the children."""
_STILL = 900.0
"""Seconds after which a child that has said when it turns, and does not any more, is taken for stuck."""
_CALM = 5.0
"""A child that lived so long may be replaced at once; one that dies sooner waits a little."""
_SLOWEST = 10.0
_BEHIND_RECEPTION = 5
"""Niceness of the children: where processors are short, the answer to a sender goes before work that may wait."""
_ENDED_BY_OTHERS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass
class Role:
    """One kind of child: what it runs, and the one that runs now."""

    name: str
    run: Callable[[Watch, Casualty | None], None]
    changes_user: bool = False
    """Whether it needs the right to run scripts as another user, and to end their processes."""
    watch: Watch = field(default_factory=Watch)
    pid: int = 0
    started_at: float = 0.0
    start_at: float = 0.0
    delay: float = 0.0
    casualty: Casualty | None = None
    killed_for: str = ""


class Watchdog:
    """Keeps one process of each role running until it is told to stop."""

    def __init__(
        self, roles: list[Role], *, time_message: str, drain_seconds: float, notifier: Notifier, still: float = _STILL
    ) -> None:
        """``time_message`` is what an item says whose script had to be ended; ``still``: seconds."""
        self._roles = roles
        self._time_message = time_message
        self._drain_seconds = drain_seconds
        self._notifier, self._still = notifier, still
        self._stopping = False

    def run(self) -> None:
        """Blocks until SIGTERM or SIGINT, then until the children have ended or had to be ended."""
        # What a child that changes users leaves behind is this one's to end.
        if not any(role.changes_user for role in self._roles):
            capabilities.give_up()
        take_in_orphans()
        signals = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        # Blocked but for sigtimedwait(): a signal between two looks is not lost, and none interrupts a fork.
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        self._notifier.ready(f"watches {', '.join(role.name for role in self._roles)}")
        while not self._stopping:
            for role in self._roles:
                if not role.pid and time.monotonic() >= role.start_at:
                    self._start(role, signals)
            self._notifier.alive()
            self._look(signals)
        self._notifier.stopping()
        self._end(signals)
        end_strays()

    def _stop(self, number: int, frame: object) -> None:
        self._stopping = True

    def _start(self, role: Role, signals: set[signal.Signals]) -> None:
        parent = os.getpid()
        # A connection that both sides hold would be used by both.
        connections.close_all()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid:
            role.pid, role.started_at, role.killed_for = pid, time.monotonic(), ""
            return
        code = 1
        try:
            for number in signals:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
            die_with_parent(parent)
            if not role.changes_user:
                capabilities.give_up()
            os.nice(_BEHIND_RECEPTION)
            role.run(role.watch, role.casualty)
            code = 0
        except BaseException:
            logging.getLogger("capacitor.process").exception("process %s ends by an unexpected error", role.name)
        finally:
            logging.shutdown()
            # Not sys.exit: nothing of the parent's may be run to its end here.
            os._exit(code)

    def _look(self, signals: set[signal.Signals]) -> None:
        caught = signal.sigtimedwait(signals, _LOOK)
        if caught is not None and caught.si_signo in (signal.SIGTERM, signal.SIGINT):
            self._stopping = True
        for role in self._roles:
            if role.pid and not role.killed_for and (why := self._stuck(role.watch)):
                role.killed_for = why
                os.kill(role.pid, signal.SIGKILL)
        self._reap()

    def _stuck(self, watch: Watch) -> str:
        if watch.item_id is not None:
            # A script has its own deadline, which may be longer.
            return (FILE_MESSAGE if watch.with_file else self._time_message) if watch.overdue else ""
        return f"had not moved for {self._still:g} s and was killed" if watch.still_for > self._still else ""

    def _reap(self) -> None:
        for role in self._roles:
            if not role.pid:
                continue
            pid, status = os.waitpid(role.pid, os.WNOHANG)
            if pid:
                self._bury(role, status)
        # What a killed process has started falls to this one.
        end_strays([role.pid for role in self._roles])

    def _bury(self, role: Role, status: int) -> None:
        role.pid = 0
        item_id = role.watch.item_id
        words = role.killed_for or _in_words(status)
        if item_id is not None:
            if role.killed_for not in (self._time_message, FILE_MESSAGE):
                # Also one that stood still and then took up an item after all: its script is not to blame.
                message = "" if _from_outside(status) else f"the script {words} the process that ran it"
            else:
                message = role.killed_for
            role.casualty = Casualty(role.watch.owner, item_id, message, role.watch.place, role.watch.said.read())
        else:
            role.casualty = None
        role.watch.end()
        role.watch.forget_turns()
        role.watch.owner = ""
        if self._stopping and item_id is None and os.WIFEXITED(status) and not os.WEXITSTATUS(status):
            return
        log.warning("process %s: %s%s", role.name, words, "" if self._stopping else "; it is started again")
        calm = item_id is not None or time.monotonic() - role.started_at > _CALM
        # A script that ends its process must not slow down the images behind it; our own crash loop may.
        role.delay = 0.0 if calm else min(max(role.delay * 2, 0.25), _SLOWEST)
        role.start_at = time.monotonic() + role.delay

    def _end(self, signals: set[signal.Signals]) -> None:
        until = time.monotonic() + self._drain_seconds
        for role in self._roles:
            if role.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(role.pid, signal.SIGTERM)
        while any(role.pid for role in self._roles) and time.monotonic() < until:
            self._look(signals)
        for role in self._roles:
            if role.pid:
                log.warning("process %s did not end in %g s and is killed", role.name, self._drain_seconds)
                os.kill(role.pid, signal.SIGKILL)
                os.waitpid(role.pid, 0)


def _from_outside(status: int) -> bool:
    # The kernel short of memory, or a person; a fault of the process itself gives other signals.
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) in _ENDED_BY_OTHERS


def _in_words(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"crashed (signal {os.WTERMSIG(status)})"
    return f"ended (exit code {os.WEXITSTATUS(status)})"
