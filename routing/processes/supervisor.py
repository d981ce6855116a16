"""Keeps the router's processes running on one machine: starts them, starts again what dies, stops all in order."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from routing.processes.sd_notify import STARTED_AGAIN, Ear
from scripts_app.child_process import die_with_parent

log = logging.getLogger("capacitor.supervisor")

_LOOK = 0.5
"""Seconds between two looks; a child that dies is noticed at once, by its signal."""
_PAUSED = 10.0
"""So long between two looks: this process did not run either."""
_CALM = 30.0
"""A process that ran so long is started again at once, else after a growing pause."""
_SLOWEST = 30.0


@dataclass
class Service:
    """One process to keep running."""

    name: str
    command: Sequence[str]
    stop_after: int = 0
    """Services are stopped in the order of this number: whoever takes images first, whoever shows them last."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """In addition to that of the supervisor, which goes before."""
    alive_within: float = 0.0
    """Seconds; one that has said that it lives (sd_notify), and says so no more, is killed.  0: it is not asked."""
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    heard_at: float | None = None
    pause: float = field(default=0.0)


class Supervisor:
    """Runs until SIGTERM or SIGINT; ``run`` returns when everything has ended."""

    def __init__(self, services: Sequence[Service], *, drain_seconds: float = 40.0) -> None:
        self._services = services
        self._drain_seconds = drain_seconds
        self._stopping = False
        self._ear = Ear()
        self._heard_at = time.monotonic()

    def run(self) -> None:
        signals = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        while not self._stopping:
            self._hear()
            for service in self._services:
                self._tend(service)
            caught = signal.sigtimedwait(signals, _LOOK)
            # Of a wait that outlasts its end because this process itself was stopped (SIGSTOP, Ctrl-Z), Python
            # tells as of a signal, and what it is said to be is whatever lay in memory.
            self._stopping = caught is not None and caught.si_signo in (signal.SIGTERM, signal.SIGINT)
        # A second Ctrl-C ends at once.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        self._stop_all()
        self._ear.close()

    def _hear(self) -> None:
        now = time.monotonic()
        paused, self._heard_at = now - self._heard_at > _PAUSED, now
        speakers = {service.process.pid: service for service in self._services if service.process}
        said = {pid for pid, _ in self._ear.heard()}
        for pid, service in speakers.items():
            # When all of them were stopped together, this one must not be the first to judge.
            if pid in said or (paused and service.heard_at is not None):
                service.heard_at = now

    def _tend(self, service: Service) -> None:
        now = time.monotonic()
        if service.process is not None:
            status = service.process.poll()
            if status is None:
                if service.heard_at is not None and now - service.heard_at > service.alive_within:
                    log.error("%s has given no sign of life for %g s and is killed", service.name, service.alive_within)
                    service.heard_at = None
                    service.process.kill()
                return
            service.process = None
            calm = now - service.started_at > _CALM
            service.pause = 0.0 if calm else min(max(service.pause * 2, 0.5), _SLOWEST)
            service.start_at = now + service.pause
            log.error(
                "%s ended (%s) and is started again%s",
                service.name,
                in_words(status),
                f" in {service.pause:g} s" if service.pause else "",
            )
        if now >= service.start_at:
            self._start(service)

    def _start(self, service: Service) -> None:
        supervisor = os.getpid()

        def prepare_child() -> None:
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            # Without its supervisor nobody would stop or restart it: it then ends in good order.
            die_with_parent(supervisor, signal.SIGTERM)

        # A session of its own, so that Ctrl-C reaches the supervisor alone, which knows the order.
        asked = self._ear.environment(service.alive_within) if service.alive_within else {}
        again = {STARTED_AGAIN: "1"} if service.started_at else {}
        service.heard_at = None
        service.process = subprocess.Popen(
            service.command,
            env={**service.environment, **os.environ, **asked, **again},
            preexec_fn=prepare_child,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
        )
        service.started_at = time.monotonic()
        log.info("%s started (process %d)", service.name, service.process.pid)

    def _stop_all(self) -> None:
        log.info("stopping")
        until = time.monotonic() + self._drain_seconds
        for turn in sorted({service.stop_after for service in self._services}):
            running = [s.process for s in self._services if s.stop_after == turn and s.process]
            for process in running:
                process.terminate()
            for process in running:
                try:
                    process.wait(max(0.1, until - time.monotonic()))
                except subprocess.TimeoutExpired:
                    log.warning("process %d did not end in time and is killed", process.pid)
                    process.kill()
                    process.wait()
        log.info("stopped")


def in_words(status: int) -> str:
    """What a return code of subprocess says."""
    return f"signal {-status}" if status < 0 else f"exit code {status}"
