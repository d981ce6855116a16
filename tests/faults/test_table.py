"""The table of faults is whole: each case is tried by a test or says why not, and the page shows what was seen."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from tests.faults import __main__ as faults
from tests.faults.cases import CASES, DOES_NOT_APPLY
from tests.faults.table import PAGE, ROOT, Result, page, read, results_of, write


def marked() -> set[Any]:
    """Cases that a marker in any test names."""
    found: set[Any] = set()
    for path in (ROOT / "tests").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if "mark.fault" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "fault"):
                continue
            if ast.unparse(node.func) == "pytest.mark.fault":
                assert isinstance(node.args[0], ast.Constant), f"{path}, line {node.lineno}: a number stands there"
                found.add(node.args[0].value)
    return found


def test_there_are_130_cases_in_seven_sections():
    assert list(CASES) == list(range(1, 131))
    assert [section[0] for section in dict.fromkeys(case.section for case in CASES.values())] == list("ABCDEFG")


def test_every_case_is_tried_by_a_test_or_says_why_it_does_not_apply():
    tried = marked()
    untried = set(CASES) - tried - set(DOES_NOT_APPLY)
    assert untried == set()
    assert not tried & set(DOES_NOT_APPLY)


def test_the_page_shows_the_results_of_the_last_runs():
    assert PAGE.read_text(encoding="utf-8") == page(read()), "run python -m tests.faults"


def outcome(outcome: str, *seen: str, number: int = 3, done: str = "", why: str = "") -> dict[str, Any]:
    node = "tests/x.py::test_a_slow_peer_is_closed[1-b]"
    faults = [[number, done]]
    told = {"seen": list(seen), "figures": {}, "outcome": outcome, "why": why, "seconds": 2.0}
    return {"test": node, "faults": faults, **told}


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


def test_a_case_is_told_when_all_of_its_tests_have_run_or_one_has_failed():
    def told(*outcomes: str) -> dict[int, Result]:
        return results_of([outcome(each) for each in outcomes], date="2026-01-02", commit="abc", full=True)

    assert told("passed", "unfinished") == {}
    assert told("passed", "unfinished", "failed")[3].verdict == "FAILED"


def test_a_test_of_two_cases_counts_half_its_time_for_each():
    shared = outcome("passed") | {"faults": [[3, ""], [4, ""]]}
    results = results_of([shared, outcome("passed")], date="2026-01-02", commit="abc", full=True)
    assert (results[3].seconds, results[4].seconds) == (3.0, 1.0)
    results[5] = Result("survived", [], [], 1, "2026-01-02", "abc", True, 600.0)
    assert "\nThe last full runs of 3 of these cases took 10 minutes.\n" in page(results)


def test_figures_of_all_tests_stand_above_the_table_and_count_once_for_several_cases():
    kills = {"kills": 200, "acknowledged": 5000, "lost": 0, "twice": 8}
    cuts = {"kills": 40, "acknowledged": 1000, "lost": 2, "twice": 3, "good_wait": 0.25}
    shared = outcome("passed") | {"faults": [[77, ""], [78, ""]], "figures": kills, "test": "tests/x.py::test_kills"}
    single = outcome("passed", number=80) | {"figures": cuts, "test": "tests/x.py::test_cuts"}
    failed = outcome("failed", number=81) | {"figures": {"kills": 9}, "test": "tests/x.py::test_more"}
    drawn = page(results_of([shared, single, failed], date="2026-01-02", commit="abc", full=True))
    assert "| images lost / acknowledged, over 249 kills and power cuts | 2 / 6,000; 11 arrived twice |" in drawn
    assert "| worst wait of a good peer beside an attack | 0.25 s |" in drawn
    assert "| faults survived / tried | 3 / 4 |" in drawn


def test_a_figure_that_nobody_adds_up_is_refused(seen):
    with pytest.raises(AssertionError, match="losst"):
        seen("nothing lost", losst=0)


def test_a_short_run_leaves_the_row_of_a_full_one_unless_it_failed():
    full, short = (Result("survived", [], [], 1, "2026-01-02", "abc", full) for full in (True, False))
    failed = Result("FAILED", [], [], 1, "2026-01-02", "abc", False)
    assert [faults.says_more(*each) for each in ((full, full), (short, short), (short, None), (failed, full))] == [
        True
    ] * 4
    assert not faults.says_more(short, full)


def test_a_run_of_some_cases_leaves_the_rows_of_all_others(tmp_path, monkeypatch):
    """The run itself is replaced by its report: case 3, and a test of it that tells of case 4, too."""
    monkeypatch.setattr(faults, "PAGE", tmp_path / "faults.md")
    monkeypatch.setattr(faults, "read", lambda: read(tmp_path / "results.json"))
    monkeypatch.setattr(faults, "write", lambda results: write(results, tmp_path / "results.json"))
    old = Result("survived", [], ["old"], 1, "2026-01-01", "aaa", True, 60.0)
    write(dict.fromkeys(CASES, old), tmp_path / "results.json")
    asked = []

    def run(command: list[str], **_: object) -> int:
        asked.extend(word for word in command if word.startswith("--case"))
        (report,) = (word.removeprefix("--faults=") for word in command if word.startswith("--faults="))
        Path(report).write_text(json.dumps([outcome("passed", "new") | {"faults": [[3, ""], [4, ""]]}]))
        return 0

    monkeypatch.setattr(faults.subprocess, "call", run)
    assert faults.main(["--full", "2-3"]) == 0
    assert asked == ["--case=2", "--case=3"]
    results = read(tmp_path / "results.json")
    assert [number for number, result in results.items() if result != old] == [3]
    assert results[3].seen == ["new"]
    assert (tmp_path / "faults.md").read_text() == page(results)


def test_a_cell_of_the_table_cannot_break_it():
    drawn = page({3: result(outcome("passed", "a | b\n<c>"))})
    row = next(line for line in drawn.splitlines() if line.startswith("| 3 |"))
    assert "a \\| b<br>&lt;c>" in row and row.endswith("| survived (1 test) | 2026-01-02, abc |")
