"""Tables in pages: only what stands between the marks is replaced."""

from pathlib import Path

import pytest

from tests.bench.table import write_between


def test_a_table_replaces_the_one_between_its_marks_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- a: begin -->\nold\n<!-- a: end -->\nbetween\n<!-- b: begin -->\n<!-- b: end -->\n")
    write_between(page, "a", "new")
    assert page.read_text() == (
        "before\n<!-- a: begin -->\nnew\n<!-- a: end -->\nbetween\n<!-- b: begin -->\n<!-- b: end -->\n"
    )


def test_a_page_without_the_marks_stays_as_it_is(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- a: begin -->\nno end")
    with pytest.raises(ValueError, match="has no marks"):
        write_between(page, "a", "new")
    assert page.read_text() == "<!-- a: begin -->\nno end"
