"""A router with something in every table, for pages and screenshots; any text can be put in its place."""

import math
from datetime import timedelta
from typing import Any

from django.utils import timezone

from routing.core.traffic import minute_of
from routing.models import (
    ApplicationLogLine,
    AuditRecord,
    KnownSender,
    NodeStatus,
    QueueItem,
    ServiceProcess,
    TrafficMark,
    TrafficMinute,
    UnknownSender,
)
from scripts_app.models import EntryCondition, LuaEntry, LuaLibrary, ScriptVersion
from tests.builders import node, queue_item
from tests.pages.whole_story import tell

PATIENTS = ("MUSTERMANN^ERIKA", "DEMO^ANNA", "SAMPLE^JOHN^Q", "TEST^OLGA", "BEISPIEL^KARL")
REFUSAL = "does not accept Digital Mammography X-Ray Image Storage in JPEG 2000 Image Compression (Lossless Only)"
ROUTE = """local id = dataset:Get("PatientID")
dataset:Set("PatientID", "HOSP-" .. id)
route:Add("RESEARCH", function(copy)
  copy:Set("PatientName", "ANON^7")
end)"""
NO_ANSWER = "no connection to RESEARCH at 192.0.2.30 port 104: connection refused"


def busy_router(text: str = "") -> QueueItem:
    """Fill every table; ``text`` replaces whatever may come from outside.  Answers a failed item with all its story."""
    now = timezone.now()

    def said(usual: str, limit: int = 10_000) -> str:
        return (text or usual)[:limit]

    def before(**ago: float) -> Any:
        return now - timedelta(**ago)

    pacs = node("PACS", host="pacs.example", description=said("Main archive", 200), aliases=["ARCHIVE"])
    NodeStatus.objects.create(
        node=pacs,
        last_success_at=before(seconds=4),
        delivered=18311,
        last_echo_at=before(minutes=9),
        last_echo_ok=True,
        last_echo_ms=11.8,
        last_echo_message="answered 0x0000 (Success)",
        accepted_contexts=[["1.2.840.10008.5.1.4.1.1.2", ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"]]],
        accepted_contexts_at=before(days=2),
    )
    research = node("RESEARCH", host="192.0.2.30", description=said("De-identified copies", 200))
    NodeStatus.objects.create(
        node=research,
        failures_in_a_row=6,
        not_before=now + timedelta(minutes=4, seconds=12),
        last_success_at=before(hours=2, minutes=17),
        last_failure_at=before(minutes=5),
        last_error=said(NO_ANSWER),
        last_echo_at=before(minutes=3),
        last_echo_ok=False,
        last_echo_message=said(NO_ANSWER),
    )
    ai = node("AI_SERVER", host="ai.example", port=11113, paused=True, tls=True, process_schedule=["22:00 - 06:00"])
    node("OLD_PACS", host="192.0.2.9", enabled=False)

    version = ScriptVersion.objects.create(sha256="5f3a9c21" + "0" * 56, content={})
    number = 100
    queued = [
        *[("Delivered", pacs, "CT_1", "CT")] * 6,
        *[("Prepared", research, "MR_2", "MR")] * 4,
        ("Rejected", pacs, "MG_ROOM3", "MG"),
        ("Expired", research, "US_1", "US"),
        ("Dropped", pacs, "CT_1", "CT"),
        *[("Prepared", ai, "CT_1", "CT")] * 3,
        ("New", pacs, "MR_2", "MR"),
        ("Delivered", pacs, "CT_1", "CT"),
    ]
    for place, (state, destination, source, modality) in enumerate(queued):
        number += 1
        came = before(minutes=3 * (len(queued) - place))
        waits = state == "Prepared" and destination is research
        error = {"Rejected": said(REFUSAL)}.get(state, said(NO_ANSWER) if waits else "")
        queue_item(
            state,
            id=number,
            node=destination,
            source_ae_title=source,
            modality=modality,
            size=524_288 + 7919 * place,
            patient_name=said(PATIENTS[place % 5], 324),
            patient_id=said(f"P-{4711 + place % 5}", 64),
            accession_number=said(f"A{2026000 + place}", 16),
            created_at=came,
            updated_at=came,
            prepared_at=came,
            attempt_count=6 if waits else int(state in ("Delivered", "Rejected")),
            last_error=error,
            not_before=now + timedelta(minutes=4, seconds=12) if waits else came,
            warning=place == 5,
            last_status=0xB000 if place == 5 else None,
            finished_at=before(seconds=9),
            lease_owner="host:4712:ab" if state == "New" else "",
            study_instance_uid=f"1.2.826.0.1.3680043.8.498.{place % 5}",
            series_instance_uid=f"1.2.3.{place % 5}.1",
            sop_instance_uid=said(f"1.2.826.0.1.3680043.8.498.{place}.1", 64),
        )
    failed = queue_item(
        "Failed",
        id=200,
        node=pacs,
        source_ae_title=said("CT_1", 16),
        modality="CT",
        size=531_990,
        script_version=version,
        patient_name=said(PATIENTS[0], 324),
        patient_id=said("P-4711", 64),
        accession_number=said("A2026042", 16),
        created_at=before(minutes=2),
        updated_at=before(minutes=1),
        prepared_at=before(minutes=2),
        attempt_count=2,
        last_error=said("gave up after 2 attempts: 0xA700 (Failure: Refused: Out of Resources)"),
        last_status=0xA700,
        study_instance_uid="1.2.826.0.1.3680043.8.498.0",
    )
    queue_item(
        "Delivered",
        id=201,
        received_id=200,
        node=research,
        modality="CT",
        created_at=before(minutes=2),
        patient_name=said("ANON^7", 324),
        finished_at=before(minutes=1),
        size=531_990,
    )
    tell(failed, version, pacs, said, now)
    _service(said, now)
    _traffic(said, now)
    _scripts(said)
    return failed


def _service(said: Any, now: Any) -> None:
    for role, pid, seen in (
        ("listener", 4711, 2),
        ("prepare", 4712, 1),
        ("deliver", 4713, 1),
        ("housekeep", 4714, 3),
        ("deliver", 4715, 640),
    ):
        ServiceProcess.objects.create(
            owner=f"host:{pid}:ab",
            role=role,
            host="router-1",
            pid=pid,
            started_at=now - timedelta(days=3),
            seen_at=now - timedelta(seconds=seen),
            detail={"adopted": 2} if role == "housekeep" else {},
        )
    UnknownSender.objects.create(
        ae_title=said("XA_NEW", 16),
        address="192.0.2.77",
        called_ae_title=said("PACS", 16),
        count=1204,
        first_seen_at=now - timedelta(hours=5),
        last_seen_at=now - timedelta(minutes=1),
    )
    KnownSender.objects.create(ae_title="CT_1", network="192.0.2.0/24", description=said("CT, room 1", 200))
    KnownSender.objects.create(ae_title="MR_2", enabled=False)
    for level, message in (
        ("INFO", "listening on port 11112"),
        ("INFO", "association 7c1d from CT_1 at 192.0.2.11: 64 instances"),
        ("WARNING", "refused XA_NEW at 192.0.2.77: calling AE title not recognized"),
        ("ERROR", NO_ANSWER),
    ):
        ApplicationLogLine.objects.create(
            at=now, level=level, process="listener 4711", logger="capacitor.dicom", message=said(message)
        )
    AuditRecord.objects.create(
        at=now,
        actor=said("olga", 150),
        action="change node",
        object=said("PACS", 200),
        detail={"host": [said("a"), said("b")]},
    )
    AuditRecord.objects.create(
        at=now, actor="worker", action="Set", object="item 200", detail={"0010,0020": said("HOSP-P-4711")}
    )


def _traffic(said: Any, now: Any) -> None:
    """Three hours: images come in waves, and leave a little later."""
    TrafficMark.objects.create(history_id=1)
    this_minute = minute_of(now)

    def wave(ago: int) -> int:
        return max(0, round(30 * math.sin((this_minute - ago) / 9)) + 12)

    TrafficMinute.objects.bulk_create(
        TrafficMinute(
            minute=this_minute - ago,
            ae_title=ae_title,
            received=wave(ago),
            delivered=wave(ago + 2) if ae_title == said("PACS", 16) else 0,
            deferred=0 if ae_title == said("PACS", 16) else wave(ago) // 10,
            bytes_received=wave(ago) * 524_288,
            bytes_delivered=wave(ago + 2) * 524_288 if ae_title == said("PACS", 16) else 0,
        )
        for ago in range(1, 180)
        for ae_title in {said("PACS", 16), "RESEARCH"}
    )


def _scripts(said: Any) -> None:
    library = LuaLibrary.objects.create(
        path="libs/check.lua",
        source=said('local M = {}\n\nfunction M.institution(d)\n  return d:Get("InstitutionName")\nend\n\nreturn M\n'),
    )
    entry = LuaEntry.objects.create(
        position=1,
        description=said("Mammography to the reading room", 200),
        script=said('route:Add("MG_READ")\nroute:Drop()'),
        ae_titles=["PACS"],
    )
    EntryCondition.objects.create(entry=entry, tag="Modality", match_expression=said("MG", 1000))
    sequence = EntryCondition.objects.create(entry=entry, tag="RequestAttributesSequence")
    EntryCondition.objects.create(
        entry=entry, parent=sequence, tag="AccessionNumber", match_expression=said("^A", 1000)
    )
    LuaEntry.objects.create(
        position=2,
        description=said("Prefix patient IDs, copy to research", 200),
        on_error="fail",
        script=said(ROUTE),
    )
    LuaEntry.objects.create(position=3, description=said("Check the institution", 200), library=library, enabled=False)
