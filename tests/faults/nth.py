"""Make the N-th write, sync, rename, unlink, statement or commit of this thread fail, or be the last of a process."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import pytest
from django.db import DatabaseError, OperationalError, connection

FILES = ("open", "writev", "fsync", "fdatasync", "rename", "unlink", "rmdir")


class Killed(BaseException):
    """The process ends here: no handler runs, and none may repair anything."""


class Mode(Enum):
    ERROR = "fails"
    KILL = "is the last of the process"
    UNHEARD = "is done, and its answer is lost"


@dataclass
class Nth:
    """Counts operations; the one whose number is ``n`` (from 1) does not come through."""

    n: int
    mode: Mode
    count: int = 0
    what: str = ""
    """The operation that it was."""
    thread: int = field(default_factory=threading.get_ident)

    @property
    def fired(self) -> bool:
        return bool(self.what)

    def meet(self, what: str, error: Exception, do: Callable[[], Any]) -> Any:
        if threading.get_ident() != self.thread:
            return do()
        if self.fired and self.mode is Mode.KILL:
            raise Killed
        self.count += 1
        if self.count != self.n:
            return do()
        self.what = what
        if self.mode is Mode.UNHEARD:
            do()
        if self.mode is Mode.KILL:
            raise Killed
        raise error

    def statement(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if self.mode is Mode.UNHEARD:
            # Whose connection breaks has no transaction any more; here it would stay open.
            return execute(sql, params, many, context)
        verb = " ".join(sql.split()[:3])
        return self.meet(verb, OperationalError("disk I/O error"), lambda: execute(sql, params, many, context))


@contextlib.contextmanager
def nth_fails(n: int, mode: Mode) -> Iterator[Nth]:
    """What happens to files and database meanwhile in this thread is counted."""
    counter = Nth(n, mode)
    with pytest.MonkeyPatch.context() as patch:
        for name in FILES:
            really = getattr(os, name)

            def do(*arguments: Any, name: str = name, really: Any = really, **words: Any) -> Any:
                if name == "open" and not (arguments[1] if len(arguments) > 1 else 0) & os.O_CREAT:
                    return really(*arguments, **words)
                error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                return counter.meet(name, error, lambda: really(*arguments, **words))

            patch.setattr(os, name, do)
        commit = connection.commit

        def commit_it() -> None:
            counter.meet("COMMIT", OperationalError("disk I/O error"), commit)

        patch.setattr(connection, "commit", commit_it)
        with connection.execute_wrapper(counter.statement):
            yield counter


SURVIVED = (OSError, DatabaseError)
"""What a loop of the engine outlives, or a process ends by and is started again."""
