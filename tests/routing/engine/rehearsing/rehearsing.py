"""Rehearsals whose trials are answered by the test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from routing.engine.rehearsing.rehearse import Rehearser
from routing.models import Rehearsal
from scripts_app.core.collection import Collection
from tests.builders import node
from tests.routing.engine.preparing.preparation import Preparation

DRAFT: Collection = {"entries": [], "libraries": {"the": "draft"}}
NO_STATE: dict[str, Any] = {"study": {}, "series": {}}
SAME = {"result": "prepared", "message": "", "entries": [], "item_log": [], "outputs": [], "state": NO_STATE}
FAILS = {**SAME, "result": "failed", "message": "no"}


def sent(**changes: str) -> dict[str, Any]:
    told = [{"tag": tag, "keyword": "", "old": "received", "new": new} for tag, new in changes.items()]
    return {**SAME, "outputs": [{"destination": "PACS", "original": True, "changes": told}]}


class Asked:
    """Dry runs that come out as the test says: for the draft, and in turn for what ran."""

    def __init__(self, draft: Any, *ran: Any) -> None:
        self.draft, self.ran = draft, list(ran) or [SAME]
        self.questions: list[dict[str, Any]] = []

    def __call__(self, question: dict[str, Any]) -> dict[str, Any]:
        return {"answers": [self.answer(question, trial) for trial in question["trials"]]}

    def answer(self, question: dict[str, Any], trial: dict[str, Any]) -> dict[str, Any]:
        content = question["contents"][trial["content"]]
        self.questions.append({**trial, "content": content, "with_queue": question["with_queue"]})
        found: Any = self.draft if content == DRAFT else self.ran[0]
        if content != DRAFT and len(self.ran) > 1:
            self.ran.pop(0)
        if isinstance(found, Exception):
            raise found
        return found if "refused" in found else {"result": found}


@pytest.fixture
def work(tmp_path: Path) -> Preparation:
    node("PACS")
    return Preparation(tmp_path)


def images(work: Preparation, count: int = 1) -> list[int]:
    found = [work.image() for _ in range(count)]
    while work.step():
        pass
    return found


def rehearsed(work: Preparation, asked: Asked, rehearsal: Rehearsal) -> Rehearsal:
    rehearser = Rehearser("host:1:rehearse", work.spool, asked)
    while rehearser.step():
        pass
    rehearsal.refresh_from_db()
    return rehearsal
