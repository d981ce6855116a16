"""All that is told of one item: history, attempts, what the scripts did, and its log."""

from collections.abc import Callable
from datetime import datetime, timedelta

from routing.models import Attempt, HistoryEntry, ItemLogLine, Node, PrepareReport, QueueItem
from scripts_app.models import ScriptVersion


def tell(item: QueueItem, version: ScriptVersion, pacs: Node, said: Callable[..., str], now: datetime) -> None:
    """Give a failed item all that is told of one; ``said`` is asked for whatever may come from outside."""
    at = item.created_at
    moves = [("received", "", "New", "listener", ""), ("prepared", "New", "Prepared", "worker", "")]
    moves += [("deferred", "Prepared", "Prepared", "worker", said("0xA700 (Failure: Refused: Out of Resources)"))]
    moves += [("gave up", "Prepared", "Failed", "worker", said("2 attempts"))]
    for step, (event, from_state, to_state, actor, note) in enumerate(moves):
        HistoryEntry.objects.create(
            item=item,
            at=at + timedelta(seconds=12 * step),
            event=event,
            from_state=from_state,
            to_state=to_state,
            actor=actor,
            note=note,
        )
    for step in (1, 2):
        Attempt.objects.create(
            item=item,
            node=pacs,
            started_at=at + timedelta(seconds=step),
            ended_at=at + timedelta(seconds=step, microseconds=183_000),
            answer="deferred",
            status=0xA700,
            comment=said("disk full", 64),
            error=said(""),
            bytes_sent=531_402,
            transfer_syntax_uid="1.2.840.10008.1.2.1",
        )
    change = {"operation": "Set", "path": "0010,0020", "keyword": "PatientID", "entry": 2, "line": 3, "destination": ""}
    changes = [
        {**change, "old": said("P-4711"), "new": said("HOSP-P-4711")},
        {**change, "path": "0008,1030", "keyword": "StudyDescription", "old": None, "new": said("CT HEAD"), "line": 5},
        {
            **change,
            "operation": "Remove",
            "path": "0010,4000",
            "keyword": "PatientComments",
            "old": said("call her"),
            "new": None,
        },
    ]
    anonymous = {
        **change,
        "path": "0010,0010",
        "keyword": "PatientName",
        "old": said(item.patient_name),
        "new": said("ANON^7"),
        "line": 9,
    }
    PrepareReport.objects.create(
        item=item,
        at=at,
        script_version=version,
        verdict="prepared",
        message=said(""),
        milliseconds=3.4,
        entries=[
            {
                "number": 1,
                "description": said("Mammography to the reading room"),
                "status": "skipped",
                "reason": said("0008,0060 Modality is 'CT', wanted 'MG' (literal)"),
                "file": "",
                "line": None,
            },
            {
                "number": 2,
                "description": said("Prefix patient IDs, copy to research"),
                "status": "ran",
                "reason": "",
                "file": "",
                "line": None,
            },
            {
                "number": 3,
                "description": said("Check the institution"),
                "status": "error",
                "file": "libs/check.lua",
                "reason": said("attempt to index a nil value (local 'name')"),
                "line": 14,
            },
        ],
        routes=[{"operation": "Add", "destination": "RESEARCH", "entry": 2, "line": 7}],
        outputs=[
            {"destination": "PACS", "original": True, "changes": changes},
            {"destination": "RESEARCH", "original": False, "changes": [*changes, anonymous]},
        ],
    )
    for level, line in (("info", "sending a copy to RESEARCH"), ("warning", "no institution name")):
        ItemLogLine.objects.create(item=item, at=at, level=level, source="script", entry=2, line=8, text=said(line))
    ItemLogLine.objects.create(item=item, at=now, level="error", source="router", text=said("gave up after 2 attempts"))
