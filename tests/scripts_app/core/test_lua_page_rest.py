"""What the Lua filter page says of an entry in lua.yml, beyond what importing shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts_app.configuration.directory import read_directory
from scripts_app.configuration.problem import ConfigurationError
from tests.scripts_app.core.builders import entry, run


def read(folder: Path, text: str):
    (folder / "lua.yml").write_text(text)
    return read_directory(folder).script_set().entries


@pytest.mark.parametrize("text", ["- Description: x\n", "- Script:\n", "- Script: ''\n", "- Script: '  '\n"])
def test_an_entry_without_a_script_is_a_mistake(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"lua\.yml:[12]: an entry needs a Script"):
        read(tmp_path, text)


def test_on_error_defaults_to_skip(tmp_path: Path) -> None:
    entries = read(
        tmp_path, "- Script: print(1)\n- Script: print(2)\n  OnError: fail\n- Script: print(3)\n  OnError:\n"
    )
    assert [each.on_error for each in entries] == ["skip", "fail", "skip"]


def test_the_other_keys_are_optional(tmp_path: Path) -> None:
    (only,) = read(tmp_path, "- Script: print(1)\n")
    assert (only.description, only.conditions, only.ae_titles) == ("", (), ())


@pytest.mark.parametrize("path", ["../x.lua", "/srv/x.lua", "libs/../../x.lua", "libs/..x/y.lua", "C:/x.lua"])
def test_a_script_path_stays_in_the_directory(tmp_path: Path, path: str) -> None:
    (tmp_path.parent / "x.lua").write_text("print(1)")
    with pytest.raises(ConfigurationError, match=r"lua\.yml:1: Script .* must"):
        read(tmp_path, f"- Script: {path}\n")


def test_a_path_that_does_not_end_in_lua_is_taken_for_lua_code(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"lua\.yml:1: "):
        read(tmp_path, "- Script: scripts/route.txt\n")


@pytest.mark.parametrize("script", ["error('fail: x')", "error('retry: x')"])
def test_the_description_appears_in_the_message_of_a_failed_item(script: str) -> None:
    assert run(entry(script, description="Strip PHI")).message.startswith("entry 1 (Strip PHI), line 1: ")
