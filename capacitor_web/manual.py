"""The parts of the manual that are made from the code: settings, states, commands, and the .env example."""

import ast
import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import Field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from capacitor_web.environment import Environment
from capacitor_web.manual_lua import lua_api
from capacitor_web.setting_kinds import as_text
from routing.core.states import FINAL_STATES, TRANSITIONS, QueueEvent, QueueState

ROOT = Path(__file__).resolve().parent.parent
MADE = re.compile(r"(<!-- made by manage.py manual: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def chapters() -> Iterator[tuple[str, list[Field[Any]]]]:
    """The settings by chapter, in the order of the table."""
    chapter: list[Field[Any]] = []
    heading = ""
    for row in fields(Environment):
        if row.metadata["chapter"]:
            if chapter:
                yield heading, chapter
            heading, chapter = row.metadata["chapter"], []
        chapter.append(row)
    yield heading, chapter


def settings() -> str:
    lines = []
    for heading, rows in chapters():
        lines += [f"\n## {heading}\n"]
        cells = [
            (
                f"`{row.metadata['name']}`",
                row.metadata["kind"].unit,
                code(as_text(row.default)),
                row.metadata["meaning"],
            )
            for row in rows
        ]
        lines += table(("Variable", "Type or unit", "Default", "Meaning"), cells)
    return "\n".join(lines)[1:] + "\n\n"


def dotenv() -> str:
    """An example of a .env file in which every line is the default, commented out."""
    lines = ["# Settings of the router: copy to .env and uncomment what differs.  docs/settings.md explains each."]
    for heading, rows in chapters():
        lines += ["", f"# --- {heading}"]
        for row in rows:
            lines += [f"# {row.metadata['meaning']} ({row.metadata['kind'].unit})"]
            lines += [f"#{row.metadata['name']}={as_text(row.default)}"]
    return "\n".join(lines) + "\n"


def states() -> str:
    meanings = documented(QueueState)
    rows = [(f"**{state}**", meanings[state.name], "no" if state in FINAL_STATES else "yes") for state in QueueState]
    return "\n".join(table(("State", "Meaning", "In the queue"), rows)) + "\n"


def transitions() -> str:
    meanings = documented(QueueEvent)
    rows = []
    for event in QueueEvent:
        moves = [f"{state} → {TRANSITIONS[state, event]}" for state in QueueState if (state, event) in TRANSITIONS]
        rows.append((event.value, meanings[event.name], "<br>".join(moves)))
    return "\n".join(table(("Event", "Meaning", "From → to"), rows)) + "\n"


def commands() -> str:
    rows = []
    for path in sorted(ROOT.glob("*/management/commands/[!_]*.py"), key=lambda path: path.stem):
        about = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        rows.append((f"`{path.stem}`", " ".join(about.split("\n\n")[0].split())))
    return "\n".join(table(("Command", "What it does"), rows)) + "\n"


PARTS: dict[str, Callable[[], str]] = {
    "settings": settings,
    "states": states,
    "transitions": transitions,
    "commands": commands,
    "lua_api": lua_api,
}


def made_files() -> dict[Path, str]:
    """Every file that holds a made part, with the text that it should have."""
    made = {ROOT / ".env.example": dotenv()}
    for path in sorted((ROOT / "docs").rglob("*.md")):
        text = path.read_text(encoding="utf-8")
        if MADE.search(text):
            made[path] = MADE.sub(lambda part: part[1] + PARTS[part[2]]() + part[3], text)
    return made


def documented(members: type[StrEnum]) -> dict[str, str]:
    """The half-line under each member's declaration, which Python itself does not keep."""
    body = ast.parse(inspect.getsource(members)).body[0]
    assert isinstance(body, ast.ClassDef)  # noqa: S101  getsource of a class gives a class
    found: dict[str, str] = {}
    for declaration, text in zip(body.body, body.body[1:], strict=False):
        if isinstance(declaration, ast.Assign) and isinstance(declaration.targets[0], ast.Name):
            value = text.value if isinstance(text, ast.Expr) else None
            line = value.value if isinstance(value, ast.Constant) else ""
            found[declaration.targets[0].id] = " ".join(str(line).split())
    return found


def table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    lines = ["| " + " | ".join(heading) + " |", "|" + " --- |" * len(heading)]
    return lines + ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]


def code(text: str) -> str:
    return f"`{text}`" if text else ""
