"""What is wrong in configuration files: every mistake with file, line and the nearest valid value."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake."""

    file: str
    """Path relative to the configuration directory."""
    line: int | None
    """1-based; None when the mistake concerns the whole file."""
    message: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.message}"


class ConfigurationError(Exception):
    """The configuration has mistakes; nothing of it is used.  ``problems`` holds them all."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def sentence(text: str) -> str:
    """The text as a sentence of its own; one that asks what was meant (``did_you_mean``) ends already."""
    return text if text.endswith("?") else f"{text}."
