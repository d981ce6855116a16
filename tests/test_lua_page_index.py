"""The index from the Lua filter page to tests is whole, and names tests that exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
INDEX = (TESTS / "lua_page" / "index.md").read_text(encoding="utf-8")
ROWS = [line for line in INDEX.splitlines() if line.startswith("| ") and line != "| The page says | Tests |"]
STATEMENTS = [row for row in ROWS if not row.startswith("| ---")]
HEADINGS = """
Lua Filter, Lua Script Entry Components, Script, AeTitles, Conditions, Lua API, dataset, route, file, queue,
study.queue, Iterating Queue Items, study and series, log, print, uid, include, Standard Library, Error Handling,
Rollback on Error, How Lua Scripts Execute, Lua Examples, Multi-File Project Examples
"""
"""Of the page, in its order."""


@cache
def names_in(path: str) -> set[str]:
    tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_every_heading_of_the_page_is_there_in_its_order():
    assert re.findall(r"(?m)^## (.*)$", INDEX) == [" ".join(name.split()) for name in HEADINGS.split(",")]


def test_the_page_has_as_many_statements_as_when_it_was_read():
    assert len(STATEMENTS) >= 140
    assert [row for row in STATEMENTS if row.startswith("| Example ")] != []
    assert sum(row.startswith("| field ") for row in STATEMENTS) == 18
    assert sum(row.startswith("| Example ") for row in STATEMENTS) == 12


@pytest.mark.parametrize("row", STATEMENTS, ids=lambda row: row[2:60])
def test_every_statement_names_tests_that_exist(row):
    named = re.findall(r"`([\w/.]+)::(\w+)`", row)
    assert named, "no test shows this"
    for path, name in named:
        assert name in names_in(path), f"{path} has no {name}"
