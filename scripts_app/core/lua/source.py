"""Script text as the VM reads it, and mistakes that show before it runs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from lupa import lua54

from scripts_app.core.lua.bridge import readable

_POSITION = re.compile(r".*?:(\d+): ", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Problem:
    line: int
    message: str


class SyntaxProblem(Exception):
    """The text is no Lua; ``problem`` says where and why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def compiled(runtime: Any, source: str, chunk: str) -> Any:
    """Compile text, never byte code, which can crash the process; SyntaxProblem has the author's line."""
    code = source.removeprefix("\ufeff")
    if code.startswith("#"):
        code = f"--{code}"  # the first line may name an interpreter, as in Lua files
    try:
        return runtime.compile(code.encode(errors="replace"), name=b"@" + chunk.encode(errors="replace"), mode="t")
    except lua54.LuaSyntaxError as error:
        raw = error.args[0]
        message = readable(raw) if isinstance(raw, bytes) else str(raw)
        shown = len(chunk) if message.startswith(chunk) else 0
        position = _POSITION.match(message, shown)
        line = int(position[1]) if position else 1
        raise SyntaxProblem(Problem(line, message[position.end() :] if position else message)) from None


def check_script(source: str, chunk: str) -> list[Problem]:
    """Compile only: what keeps the text from running, empty when nothing does."""
    runtime = lua54.LuaRuntime(encoding=None, register_eval=False, register_builtins=False)
    try:
        compiled(runtime, source, chunk)
    except SyntaxProblem as error:
        return [error.problem]
    return []
