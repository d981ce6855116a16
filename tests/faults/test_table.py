"""The table of faults is whole: each case is tried by a test or says why not, and the page shows what was seen."""

import ast
from typing import Any

from tests.faults.cases import CASES, DOES_NOT_APPLY
from tests.faults.table import PAGE, ROOT, Result, page, read, results_of


def marked() -> set[Any]:
    """Cases that a marker in any test names."""
    found: set[Any] = set()
    for path in (ROOT / "tests").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if "mark.fault" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.fault":
                assert isinstance(node.args[0], ast.Constant), f"{path}, line {node.lineno}: a number stands there"
                found.add(node.args[0].value)
    return found


def test_there_are_130_cases_in_seven_sections():
    assert list(CASES) == list(range(1, 131))
    assert [section[0] for section in dict.fromkeys(case.section for case in CASES.values())] == list("ABCDEFG")


def test_every_case_is_tried_by_a_test_or_says_why_it_does_not_apply():
    untried = set(CASES) - marked() - set(DOES_NOT_APPLY)
    assert untried == set()
    assert not marked() & set(DOES_NOT_APPLY)


def test_the_page_shows_the_results_of_the_last_runs():
    assert PAGE.read_text(encoding="utf-8") == page(read()), "run python -m tests.faults"


def outcome(outcome: str, *seen: str, number: int = 3, done: str = "", why: str = "") -> dict[str, Any]:
    node = "tests/x.py::test_a_slow_peer_is_closed[1-b]"
    return {"test": node, "faults": [[number, done]], "seen": list(seen), "outcome": outcome, "why": why}


def result(*tests: dict[str, Any]) -> Result:
    return results_of(list(tests), date="2026-01-02", commit="abc", full=True)[3]


def test_what_a_test_saw_is_told_and_its_name_where_it_said_nothing():
    assert result(outcome("passed", "12 of 12 closed", done="12 peers")).seen == ["12 of 12 closed"]
    assert result(outcome("passed"), outcome("passed")).seen == ["a slow peer is closed"]


def test_one_failure_is_the_verdict_whatever_else_passed():
    told = result(outcome("passed", "fine"), outcome("failed"), outcome("passed"))
    assert (told.verdict, told.tests) == ("FAILED", 3)
    assert "failed: a slow peer is closed" in told.seen


def test_what_was_skipped_alone_was_not_tried_and_says_why():
    told = result(outcome("skipped", why="nmap is not installed"))
    assert (told.verdict, told.seen) == ("not tried", ["not tried: nmap is not installed"])


def test_a_cell_of_the_table_cannot_break_it():
    drawn = page({3: result(outcome("passed", "a | b\n<c>"))})
    row = next(line for line in drawn.splitlines() if line.startswith("| 3 |"))
    assert "a \\| b<br>&lt;c>" in row and row.endswith("| survived (1 test) | 2026-01-02, abc |")
