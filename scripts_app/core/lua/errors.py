"""
What can go wrong in a script, and what the author meant by it.

* ScriptError
  + RetryRequested    error('retry: ...'): leave the image in the queue
  + FailRequested     error('fail: ...'): stop, the item has failed
  + ScriptFailed      anything else: the entry's OnError setting decides
  + LimitExceeded     time or memory is used up: the item has failed, whatever OnError says
"""

from __future__ import annotations

import re

LONGEST = 4000
"""Characters of a message; it is kept with the item, its history and its log, for each image that meets it."""


class ScriptError(Exception):
    """``message`` has no position in it, and is cut when too long; ``file`` and ``line`` are the author's."""

    def __init__(self, message: str, file: str = "", line: int | None = None) -> None:
        if len(message) > LONGEST:
            message = f"{message[:LONGEST]}... ({len(message) - LONGEST} characters omitted)"
        super().__init__(message)
        self.message = message
        self.file = file
        self.line = line

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " if self.line is not None else ""
        return f"{place}{self.message}"


class RetryRequested(ScriptError):
    """The author asked for another try later."""


class FailRequested(ScriptError):
    """The author asked for the item to fail."""


class ScriptFailed(ScriptError):
    """The script went wrong."""


class LimitExceeded(ScriptError):
    """The script used more time or memory than it may."""


class ApiMisuse(Exception):
    """A call that the API refuses; its message becomes a script error at the author's line."""


class OverBudget(Exception):
    """The values that scripts have handed over are more than the memory limit."""


def read_error(message: str, file: str, line: int | None) -> ScriptError:
    """Tell what the author meant: keywords count in any case and anywhere; retry wins over fail."""
    lowered = message.lower()
    if "retry" in lowered:
        return RetryRequested(message, file, line)
    if "fail" in lowered:
        return FailRequested(message, file, line)
    return ScriptFailed(message, file, line)


_NO_PATTERN = re.compile(r"malformed pattern|unfinished capture|invalid (pattern )?capture|missing '\[' after '%f'")


def advised(message: str) -> str:
    """A message of Lua's own, with what helps against it: a value of the image taken for a pattern."""
    if not _NO_PATTERN.search(message):
        return message
    return f"{message}; is it a value, and no pattern? Then write find(text, value, 1, true)"
