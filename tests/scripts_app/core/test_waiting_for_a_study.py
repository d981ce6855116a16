"""How the manual says to wait for the rest of a study: until no more images come, for those put off are New, too."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scripts_app.core.lua.hints import hints
from scripts_app.core.outcome import Verdict
from tests.scripts_app.core.builders import PlainFacts, row, run

ROOT = Path(__file__).resolve().parents[3]
SCRIPTS = (ROOT / "docs" / "manual" / "scripts.md").read_text(encoding="utf-8")
(WAIT,) = re.findall(r"(?s)```lua\n([^`]*still arrive[^`]*)```", SCRIPTS)


@pytest.mark.parametrize(
    ("ages", "verdict"),
    [([0], Verdict.RETRY), ([300, 25], Verdict.RETRY), ([35], Verdict.PREPARED), ([3600, 300, 40], Verdict.PREPARED)],
)
def test_images_go_on_together_when_the_newest_is_old_enough(ages: list[int], verdict: Verdict) -> None:
    now = datetime.now(UTC)
    rows = [row(id=number, createdAt=(now - timedelta(seconds=age)).isoformat()) for number, age in enumerate(ages, 1)]
    assert run(WAIT, facts=PlainFacts(rows=rows)).verdict is verdict
    assert hints(WAIT, []) == []


def test_the_images_that_the_pages_own_piece_puts_off_wait_for_each_other() -> None:
    piece = (ROOT / "tests" / "lua_page" / "snippets" / "study_queue.lua").read_text()
    assert run(piece, facts=PlainFacts(rows=[row(id=1), row(id=2)])).verdict is Verdict.RETRY
    assert [problem.line for problem in hints(piece, [])] == [2]
