"""What the scripts of one image write, cut off where it becomes too much."""

from __future__ import annotations

from scripts_app.core.lua.limits import Limits
from scripts_app.core.outcome import LogLine


class ScriptLog:
    """Lines of print() and of log, each list with the same cap."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
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
        lines.append(LogLine(level, message, entry, line))

    def finished(self, kind: str) -> tuple[LogLine, ...]:
        """All lines, and how many were left out."""
        lines = tuple(self.lines[kind])
        if not (omitted := self._omitted.get(kind)):
            return lines
        last = lines[-1].entry if lines else 0
        return (*lines, LogLine("warning", f"... {omitted} lines omitted", last, None))
