"""How much the scripts of one image may use (D10)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """
    The limits that a VM keeps by itself, with the author's line in the message.

    One long call into C, such as a pattern that backtracks for ever, is beyond
    them: the process that runs scripts needs a watchdog besides.
    """

    seconds: float = 10.0
    memory_bytes: int = 256 * 1024 * 1024
    log_lines: int = 1000
    log_bytes: int = 256 * 1024
    restricted: bool = False
    """Without files, processes and loaders (D9)."""

    def __post_init__(self) -> None:
        if self.seconds <= 0:
            raise ValueError(f"seconds must be positive, not {self.seconds}")
        if self.memory_bytes < 1024 * 1024:
            raise ValueError(f"memory_bytes must be at least 1048576, not {self.memory_bytes}")

    @property
    def time_message(self) -> str:
        return f"script exceeded its limit of {self.seconds:g} s"

    @property
    def memory_message(self) -> str:
        return f"script exceeded its limit of {self.memory_bytes / 1024**2:g} MiB"
