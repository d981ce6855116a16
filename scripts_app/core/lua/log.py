"""What the scripts of one image write, cut off where it becomes too much."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from scripts_app.core.lua.limits import Limits
from scripts_app.core.outcome import LogLine

OnLine = Callable[[str, LogLine], None]
"""Hears of each line as it is written, after its kind: item or application."""
_LARGEST = 2**31 - 1


class ScriptLog:
    """Lines of print() and of log, each list with the same cap."""

    def __init__(self, limits: Limits, on_line: OnLine | None = None) -> None:
        self._limits = limits
        self._on_line = on_line
        self._bytes = 0
        self._omitted: dict[str, int] = {}
        self.lines: dict[str, list[LogLine]] = {"item": [], "application": []}

    def write(self, kind: str, level: str, message: str, entry: int, line: int | None) -> None:
        """``kind`` is item or application; ``message`` may be cut, with a mark at its end."""
        lines = self.lines[kind]
        left = self._limits.log_bytes - self._bytes
        if len(lines) >= self._limits.log_lines or left <= 0:
            self._omitted[kind] = self._omitted.get(kind, 0) + 1
            return
        size = len(message.encode(errors="replace"))
        if size > left:
            shown = message.encode(errors="replace")[:left].decode(errors="ignore")
            message = f"{shown}... ({size - left} bytes omitted)"
        self._bytes += size
        written = LogLine(level, message, entry, line)
        lines.append(written)
        if self._on_line is not None:
            self._on_line(kind, written)

    def finished(self, kind: str) -> tuple[LogLine, ...]:
        """All lines, and how many were left out."""
        lines = tuple(self.lines[kind])
        if not (omitted := self._omitted.get(kind)):
            return lines
        last = lines[-1].entry if lines else 0
        return (*lines, LogLine("warning", f"... {omitted} lines omitted", last, None))


def told_line(kind: str, line: LogLine) -> list[Any]:
    """A line in values that JSON has, for whoever outlives this process."""
    return [kind, line.level, line.message, line.entry, line.line]


def line_of(values: Any) -> tuple[str, LogLine]:
    """Kind and line that were told; ValueError when they are none."""
    match values:
        case [
            "item" | "application" as kind,
            "debug" | "info" | "warning" | "error" as level,
            str(message),
            int(entry),
            int() | None as line,
        ] if 0 <= entry <= _LARGEST and 0 <= (line or 0) <= _LARGEST:
            return kind, LogLine(level, message, entry, line)
    raise ValueError("not a line of a script's log")


def by_kind(lines: Iterable[tuple[str, LogLine]]) -> dict[str, tuple[LogLine, ...]]:
    """The lines of print() under ``item``, those of log under ``application``."""
    told = list(lines)
    return {kind: tuple(line for of, line in told if of == kind) for kind in ("item", "application")}
