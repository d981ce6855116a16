"""A busy router whose scripts have been activated, went wrong, and whose draft has been rehearsed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from routing.models import PrepareReport, QueueItem, Rehearsal, RehearsedImage, VersionTally
from scripts_app.activation import activate, stored_collection
from scripts_app.core.script_content import fingerprint
from scripts_app.draft import change, working
from scripts_app.models import Activation

SENT = {"destination": "PACS", "original": True, "changed": 1, "changes": [], "lint": []}


def rehearsed(text: str = "") -> Rehearsal:
    """Beside ``busy_router()``; ``text`` replaces whatever may come from outside."""

    def said(usual: str, limit: int = 10_000) -> str:
        return (text or usual)[:limit]

    item = QueueItem.objects.get(pk=200)
    now = stored_collection()
    calm = activate(now, "anna", said("as ordered", 500))
    entry = {**now["entries"][0], "description": said("Copies for research", 200), "key": "new-1"}
    wild = activate({**now, "entries": [*now["entries"], entry]}, "bert", said("ticket 4711: copies for research", 500))
    Activation.objects.filter(pk=calm.pk).update(at=timezone.now() - timedelta(days=6))
    VersionTally.objects.create(version_id=calm.version_id, activation=calm.pk, images=18_311, troubled=2, failed=1)
    VersionTally.objects.create(version_id=wild.version_id, activation=wild.pk, images=40, troubled=8, failed=6)
    PrepareReport.objects.filter(item=item).update(script_version_id=wild.version_id, errors=1)
    change("anna", lambda content: content["entries"][0].update(script=said('route:Add("RESEARCH")')))
    draft = working().content
    made = Rehearsal.objects.create(
        kind="past",
        state="done",
        scope="the last 500 images",
        content=draft,
        fingerprint=fingerprint(draft),
        created_by="anna",
        ended_at=timezone.now(),
        counts={"fails": 4, "routes": 37, "identical": 459},
        studies={"RESEARCH": {"a": "*", "b": "*"}},
    )
    error = {"status": "error", "line": 2, "reason": said("no name of MUSTERMANN"), "description": "", "number": 1}
    result = {"result": "failed", "message": said("entry 1, line 2: no name of MUSTERMANN"), "outputs": []}
    finding: dict[str, Any] = {"severity": "error", "rule": "identifier", "tag": "0010,0020", "keyword": "PatientID"}
    finding |= {"message": "is still what was received", "detail": said("HOSP-P-4711"), "received": False}
    elements: dict[str, Any] = {"destination": "PACS", "tag": "0010,0020", "keyword": "PatientID"}
    elements |= {"received": said("P-4711"), "before": said("HOSP-P-4711"), "after": None}
    then = {"destinations": [SENT], "version": wild.version_id, "errors": [error], "message": said("went wrong")}
    RehearsedImage.objects.create(
        rehearsal=made,
        item=item,
        effect="fails",
        told={
            "then": {**then, "result": "prepared", "at": timezone.now().isoformat()},
            "before": {**result, "result": "prepared", "entries": [], "outputs": [SENT], "item_log": []},
            "after": {**result, "entries": [error], "item_log": [said("seen 1 image")]},
            "gained": [],
            "lost": [said("PACS", 16)],
            "elements": [elements],
            "more_elements": 0,
            "states": [{"place": said("study.name"), "before": said("MEIER"), "after": None}],
            "more_states": 0,
        },
    )
    sent = {**SENT, "destination": said("RESEARCH", 16), "original": False, "lint": [finding]}
    sent["changes"] = [{"tag": "0010,0010", "keyword": "PatientName", "old": said("MUSTERMANN^ERIKA"), "new": None}]
    RehearsedImage.objects.create(
        rehearsal=made,
        item=QueueItem.objects.exclude(pk=200).order_by("pk")[0],
        effect="routes",
        told={
            "then": {**then, "result": "prepared", "at": timezone.now().isoformat(), "errors": []},
            "before": {**result, "result": "prepared", "entries": [], "outputs": [SENT], "item_log": []},
            "after": {**result, "result": "prepared", "entries": [], "outputs": [SENT, sent], "item_log": []},
            "gained": [said("RESEARCH (copy)")],
            "lost": [],
            "elements": [],
            "more_elements": 0,
        },
    )
    return made
