"""Read the scripts of a configuration directory: lua.yml and every .lua file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts_app.configuration.files import read_libraries, read_text
from scripts_app.configuration.lua_yml import FILE, WrittenEntry, read_entries
from scripts_app.configuration.problem import ConfigurationError, Problem
from scripts_app.configuration.yaml_file import YamlFile
from scripts_app.core.lua.source import check_script
from scripts_app.core.ports import Entry, ScriptSet
from scripts_app.core.script_content import inline_chunk


@dataclass(frozen=True, slots=True)
class ScriptFiles:
    """What a directory says about scripts, its mistakes included."""

    entries: tuple[WrittenEntry, ...] | None
    """None when there is no lua.yml."""
    libraries: Mapping[str, str]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    """What was left out, and why."""

    def script_set(self) -> ScriptSet:
        """The enabled entries and all libraries; ConfigurationError when anything is wrong."""
        if self.problems:
            raise ConfigurationError(self.problems)
        enabled = [entry for entry in self.entries or () if entry.enabled]
        return ScriptSet(
            tuple(
                Entry(
                    number=number,
                    description=entry.description,
                    script=self.libraries[entry.library] if entry.library else entry.script,
                    chunk=entry.library or inline_chunk(number),
                    conditions=entry.conditions,
                    ae_titles=entry.ae_titles,
                    on_error=entry.on_error,
                )
                for number, entry in enumerate(enabled, start=1)
            ),
            self.libraries,
        )


def read_directory(root: Path) -> ScriptFiles:
    """Read lua.yml and the .lua files; a path that is no directory is a ConfigurationError."""
    if not root.is_dir():
        raise ConfigurationError([Problem(str(root), None, "is not a directory")])
    problems: list[Problem] = []
    notes: list[str] = []
    libraries = read_libraries(root, problems)
    text = read_text(root, FILE, problems)
    file = YamlFile(FILE, problems)
    entries = None if text is None else read_entries(text, libraries, file, notes)
    _check_scripts(entries or (), libraries, problems, notes)
    return ScriptFiles(entries, libraries, tuple(problems), tuple(notes))


def _check_scripts(
    entries: Iterable[WrittenEntry], libraries: Mapping[str, str], problems: list[Problem], notes: list[str]
) -> None:
    """An entry that is no Lua is a mistake; of a file that nothing may ever include it is only said."""
    entries = list(entries)
    for entry in entries:
        for wrong in check_script(entry.script, FILE):
            problems.append(Problem(FILE, (entry.script_line or 1) + wrong.line - 1, wrong.message))
    named = {entry.library for entry in entries}
    for path, source in libraries.items():
        for wrong in check_script(source, path):
            problem = Problem(path, wrong.line, wrong.message)
            if path in named:
                problems.append(problem)
            else:
                notes.append(f"{problem} (include() of this file would fail)")
