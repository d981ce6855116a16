"""
The application log: service events and Lua's log, to standard error, a rotating file and the database.

No patient name or ID at INFO or above (decision D14); control characters of
senders are escaped, so that one event is one line.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import queue
import re
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.db import Error as DatabaseProblem
from django.db import close_old_connections, connection

from routing.processes.log_file import SharedLogFile

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_LARGEST_FILE = 20 * 1024 * 1024
_FILES_KEPT = 5
_MOST_WAITING = 10_000
BY_VISITORS = ("django.request", "django.security.csrf", "django.security.DisallowedHost")
"""Loggers of what anybody can cause who reaches the site."""
PROBES = ("healthz", "readyz")
"""Names of the addresses that load balancers and supervisors ask."""


class OneLine(logging.Formatter):
    """
    Escapes control characters: neither sender nor script may write lines of their own or steer a terminal.

    Of an error it tells where it happened, and its words only where ``words`` is
    set (level DEBUG): they may quote what a patient's data set says.
    """

    words = False

    def formatMessage(self, record: logging.LogRecord) -> str:
        return super().formatMessage(record).replace("\n", "\\x0a")

    def formatException(self, ei: Any) -> str:
        if self.words or ei[1] is None:
            return super().formatException(ei)
        return "\n".join(_places(ei[1]))

    def format(self, record: logging.LogRecord) -> str:
        # Of the line breaks only those of a traceback are left here.
        return escaped(super().format(record))


def _places(error: BaseException) -> Iterator[str]:
    """The traceback of an error and of those that led to it, the first one first."""
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and before is not error:
        yield from _places(before)
        yield "which led to:"
    yield "Traceback (most recent call last):"
    yield from (line.rstrip("\n") for line in traceback.format_tb(error.__traceback__))
    # The system's own words quote nobody.
    words = error.strerror if isinstance(error, OSError) and error.strerror else "its words are withheld below DEBUG"
    yield f"{type(error).__qualname__} ({words})"


def escaped(text: str) -> str:
    """The text with its control characters made visible, but for tabs and line breaks."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def place_of(error: BaseException) -> str:
    """Kind and place of an unexpected error: its message may quote what a patient's data set says."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"


def first_line(error: BaseException) -> str:
    """What may be logged of a database's error: PostgreSQL quotes the refused row in the lines behind it."""
    return str(error).partition("\n")[0]


class WithoutAddresses(logging.Filter):
    """Says which page was asked for, without what somebody put into its address."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = getattr(record, "request", None)
        if request is not None and isinstance(record.args, tuple):
            match = getattr(request, "resolver_match", None)
            told = f"/{match.route}" if match else "an address that is none"
            record.args = tuple(told if argument == request.path else argument for argument in record.args)
        return True


class WithoutProbes(logging.Filter):
    """Leaves out what a probe was answered: it is asked every few seconds, and its caller knows the answer."""

    def filter(self, record: logging.LogRecord) -> bool:
        match = getattr(getattr(record, "request", None), "resolver_match", None)
        return match is None or match.url_name not in PROBES or record.exc_info is not None


class Seldom(logging.Filter):
    """Lets through so many lines a minute: what any visitor can cause must not fill the disk."""

    def __init__(self, most: int = 60) -> None:
        super().__init__()
        self._most, self._count, self._since = most, 0, time.monotonic()

    def filter(self, record: logging.LogRecord) -> bool:
        now = time.monotonic()
        if now - self._since > 60:
            self._count, self._since = 0, now
        self._count += 1
        return self._count <= self._most


class DatabaseHandler(logging.Handler):
    """
    Adds lines to the application log's table, from a thread that sleeps while there are none.

    A database that is away loses lines here, never in the file; and never
    makes the one who logs wait.
    """

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process
        self._lines: queue.Queue[Mapping[str, Any] | None] = queue.Queue(_MOST_WAITING)
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        with self._starting:
            # Not before the first line: a process that forks must not have threads.
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_all, name="application-log", daemon=True)
                self._thread.start()
                atexit.register(self.finish)
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(
                {
                    "at": datetime.fromtimestamp(record.created, UTC),
                    "level": record.levelname,
                    "process": self._process,
                    "logger": record.name.removeprefix("capacitor."),
                    "message": escaped(self.format(record)),
                }
            )

    def finish(self) -> None:
        """Write what waits, then end; at most two seconds."""
        if self._thread is not None and self._thread.is_alive():
            with contextlib.suppress(queue.Full):
                self._lines.put_nowait(None)
            self._thread.join(2)

    def _write_all(self) -> None:
        from routing.database.rows import insert
        from routing.models import ApplicationLogLine

        while True:
            lines = [self._lines.get()]
            with contextlib.suppress(queue.Empty):
                while len(lines) < 100:
                    lines.append(self._lines.get_nowait())
            with contextlib.suppress(DatabaseProblem):
                # A connection that broke since the last line would refuse all further ones.
                close_old_connections()
                insert(ApplicationLogLine, [line for line in lines if line is not None])
            if None in lines:
                connection.close()
                return


def start(process: str, folder: Path, level: str, *, database: bool = True) -> None:
    """Set up logging for one process; ``process`` is its role and stands in every line, and in what top shows."""
    with contextlib.suppress(OSError):
        # The kernel takes 15 bytes; a system without /proc knows the process as python.
        Path("/proc/self/comm").write_text(f"cap:{process}"[:15], encoding="ascii")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    form = OneLine("%(asctime)s %(levelname)-7s " + process + " %(name)s: %(message)s")
    form.words = level == "DEBUG"
    handlers: list[logging.Handler] = [
        logging.StreamHandler(),
        SharedLogFile(folder / f"{process}.log", maxBytes=_LARGEST_FILE, backupCount=_FILES_KEPT, encoding="utf-8"),
    ]
    for handler in handlers:
        handler.setFormatter(form)
    if database:
        rows = DatabaseHandler(process)
        rows.setFormatter(OneLine("%(message)s"))
        handlers.append(rows)
    root = logging.getLogger()
    root.handlers[:] = handlers
    root.setLevel(logging.WARNING)
    logging.getLogger("capacitor").setLevel(level)
    for name in BY_VISITORS:
        logger = logging.getLogger(name)
        if not any(isinstance(known, Seldom) for known in logger.filters):
            # First: they must not use up what is let through of others.
            logger.addFilter(WithoutProbes())
            logger.addFilter(Seldom())
            logger.addFilter(WithoutAddresses())
    # Their messages quote element values.
    for name in ("pydicom", "pynetdicom"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
