"""The manual's pages on conditions and on the dry run say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts_app.configuration.lua_yml import CONDITION_KEYS
from scripts_app.core.conditions.pattern import read_pattern
from scripts_app.core.outcome import EntryStatus, Verdict
from scripts_app.dry_running.result import failed_result

MANUAL = Path(__file__).resolve().parents[1] / "docs" / "manual"
CONDITIONS = (MANUAL / "conditions.md").read_text(encoding="utf-8")
DRY_RUN = (MANUAL / "dry-run.md").read_text(encoding="utf-8")
PATTERNS = re.findall(r"(?m)^\| `(.+?)` \| (literal|digits|regex|wildcard) \| (.+?) \| (.+?) \|$", CONDITIONS)


def values(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_there_are_patterns_of_all_four_kinds():
    assert {kind for _, kind, _, _ in PATTERNS} == {"literal", "digits", "regex", "wildcard"}


@pytest.mark.parametrize(("expression", "kind", "meets", "misses"), PATTERNS)
def test_each_pattern_of_the_manual_meets_what_it_says(expression, kind, meets, misses):
    pattern = read_pattern(expression)
    assert pattern.kind == kind
    assert [value for value in values(meets) if not pattern.matches(value)] == []
    assert [value for value in values(misses) if pattern.matches(value)] == []


@pytest.mark.parametrize("key", CONDITION_KEYS)
def test_every_key_of_a_condition_has_its_line(key):
    assert re.search(rf"(?m)^\| .*`{key}`", CONDITIONS)


def test_the_json_of_a_dry_run_is_listed_key_by_key():
    listed = re.findall(r"(?m)^\| `(\w+)` \|", DRY_RUN)
    assert listed == list(failed_result((), "x"))
    for word in (*Verdict, *EntryStatus):
        assert f"`{word}`" in DRY_RUN
