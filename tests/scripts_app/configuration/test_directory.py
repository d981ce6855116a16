"""A directory is a set of scripts without any database."""

from pathlib import Path

import pytest

from scripts_app.configuration.problem import ConfigurationError
from scripts_app.core.conditions.condition import Condition
from scripts_app.core.script_content import from_content, to_content
from scripts_app.loader import from_directory

LUA = """\
- &first
  Script: scripts/route.lua
  Conditions: &ct
    - Tag: 0008,0060
      MatchExpression: CT
- Script: print(1)
  Enabled: false
- Script: print(2)
  AeTitles: [ANYWHERE]
  Conditions: *ct
"""


def directory(root: Path, **files: str) -> Path:
    (root / "scripts").mkdir()
    (root / "scripts/route.lua").write_text("route:Drop()")
    for name, text in files.items():
        (root / name.replace("_", ".")).write_text(text)
    return root


def test_a_directory_gives_the_enabled_entries_numbered_and_every_file(tmp_path: Path) -> None:
    scripts = from_directory(directory(tmp_path, lua_yml=LUA))
    assert [(entry.number, entry.chunk, entry.script) for entry in scripts.entries] == [
        (1, "scripts/route.lua", "route:Drop()"),
        (2, "entry 2", "print(2)"),
    ]
    assert scripts.libraries == {"scripts/route.lua": "route:Drop()"}
    assert scripts.version is None
    assert from_content(to_content(scripts)) == scripts


def test_an_anchor_repeats_conditions(tmp_path: Path) -> None:
    scripts = from_directory(directory(tmp_path, lua_yml=LUA))
    assert {entry.conditions for entry in scripts.entries} == {(Condition("0008,0060", "CT"),)}


def test_without_nodes_any_destination_may_be_named(tmp_path: Path) -> None:
    assert from_directory(directory(tmp_path, lua_yml=LUA)).entries[1].ae_titles == ("ANYWHERE",)


def test_a_directory_without_lua_yml_has_no_entries(tmp_path: Path) -> None:
    assert from_directory(directory(tmp_path)).entries == ()


def test_a_mistake_has_file_and_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^lua.yml:2: OnError is 'drop'; it must be one of skip, fail"):
        from_directory(directory(tmp_path, lua_yml="- Script: print(1)\n  OnError: drop\n"))


def test_aliases_that_multiply_are_refused_before_they_fill_memory(tmp_path: Path) -> None:
    levels = "".join(f"- &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 12))
    with pytest.raises(ConfigurationError, match="more than 200000 values"):
        from_directory(directory(tmp_path, lua_yml=f"- &l0 x\n{levels}"))


def test_a_file_nested_without_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"lua.yml: not valid YAML: nested too deep"):
        from_directory(directory(tmp_path, lua_yml="[" * 1000))


def test_the_byte_order_mark_and_foreign_line_ends_are_no_part_of_a_script(tmp_path: Path) -> None:
    (directory(tmp_path) / "lua.yml").write_bytes(b"\xef\xbb\xbf- Script: |\r\n    a = 1\r\n    b = 2\r\n")
    assert from_directory(tmp_path).entries[0].script == "a = 1\nb = 2\n"


def test_folded_text_has_a_space_where_it_is_folded(tmp_path: Path) -> None:
    """The reader that keeps comments marks each fold with U+0007, which no value of an image holds."""
    folded = "- Description: >\n    One\n    two\n  Script: >-\n    print(1)\n    print(2)\n"
    folded += "  Conditions:\n    - Tag: 0008,1030\n      MatchExpression: >-\n        CHEST\n        PA\n"
    (entry,) = from_directory(directory(tmp_path, lua_yml=folded)).entries
    assert (entry.description.strip(), entry.script) == ("One two", "print(1) print(2)")
    assert entry.conditions == (Condition("0008,1030", "CHEST PA"),)
