"""What Lua's queue and node are told: the database at the moment of the call."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from routing.dicom.verification import EchoResult
from routing.engine.directory import Directory
from routing.engine.nodes import echoes
from routing.engine.preparing import facts as asking
from routing.engine.preparing.facts import QueueDatabaseFacts
from routing.engine.preparing.state_book import StateBook
from routing.models import Attempt, NodeStatus
from scripts_app.core.ports import UnknownDestination
from tests.builders import node, queue_item
from tests.routing.dicom.nodes import ScriptedNode, scripted_node

pytestmark = pytest.mark.django_db


def facts(settled: list[int] | None = None) -> QueueDatabaseFacts:
    told = [] if settled is None else settled
    return QueueDatabaseFacts(Directory("CAPACITOR", "DCP_", age=0), StateBook(), lambda: told.append(1))


def queue_of_five() -> None:
    queue_item("New", study_instance_uid="1.1", destination_ae_title="PACS", modality="CT")
    queue_item("Prepared", study_instance_uid="1.1", destination_ae_title="AI", modality="SR")
    queue_item("Failed", study_instance_uid="1.2", destination_ae_title="PACS", modality="")
    queue_item("Delivered", study_instance_uid="1.1", destination_ae_title="GONE", modality="MR")
    queue_item("Dropped", study_instance_uid="1.2", destination_ae_title="PACS")


def test_the_queue_is_what_has_not_left_it() -> None:
    queue_of_five()
    asked = facts()
    assert asked.total() == 3
    assert [asked.count(state=s) for s in ("New", "Prepared", "Failed", "Rejected", "Delivered", "new")] == [
        1,
        1,
        1,
        0,
        0,
        0,
    ]
    assert (asked.count(study="1.1"), asked.count(study="1.2", state="Failed"), asked.count(study="1.3")) == (2, 1, 0)


def test_destinations_are_asked_for_by_any_of_their_titles() -> None:
    node("PACS", aliases=["OLD"])
    queue_of_five()
    asked = facts()
    assert [asked.count(destination=d) for d in ("PACS", "DCP_PACS", " OLD ", "AI", "NOBODY")] == [2, 2, 2, 1, 0]
    assert asked.count(destination="PACS", state="New") == 1


def test_an_item_tells_every_field_of_the_page() -> None:
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    item = queue_item("Rejected", attempt_count=3, last_error="no", pending_state="New", created_at=at, updated_at=at)
    (found,) = facts().find(state="Rejected")
    assert (found.id, found.state, found.sourceAeTitle, found.destinationAeTitle) == (
        item.id,
        "Rejected",
        "CT_1",
        "PACS",
    )
    assert (found.studyInstanceUID, found.seriesInstanceUID) == ("1.2.3", "1.2.3.4")
    assert (found.sopInstanceUID, found.sopClassUID) == (item.sop_instance_uid, item.sop_class_uid)
    assert (found.modality, found.patientID, found.patientName, found.accessionNumber) == (
        "CT",
        "T-1",
        "TEST^ANNA",
        "A-1",
    )
    assert (found.attemptCount, found.lastError, found.pendingState, found.format) == (3, "no", "New", "dcm")
    assert (found.createdAt, found.updatedAt) == ("2026-03-01T12:00:00+00:00",) * 2


def test_items_are_found_in_the_order_of_reception() -> None:
    ids = [queue_item("New").id for _ in range(3)]
    assert [row.id for row in facts().find()] == ids


def test_a_study_names_its_destinations_and_modalities_once_and_no_empty_ones() -> None:
    queue_of_five()
    queue_item("New", study_instance_uid="1.1", destination_ae_title="AI", modality="")
    asked = facts()
    assert asked.study_destinations("1.1") == ["AI", "PACS"]
    assert asked.study_modalities("1.1") == ["CT", "SR"]
    assert asked.study_modalities("1.2") == []


def test_what_is_finished_but_not_recorded_is_recorded_before_every_question() -> None:
    settled: list[int] = []
    asked = facts(settled)
    asked.total(), asked.count(), asked.find(), asked.study_destinations("1"), asked.study_modalities("1")
    assert len(settled) == 5


@pytest.mark.parametrize("title", ["PACS", "DCP_PACS", "OLD", " PACS "])
def test_a_destination_is_resolved_to_the_nodes_own_title(title: str) -> None:
    node("PACS", aliases=["OLD"], paused=True)
    assert facts().resolve(title) == "PACS"


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("PACS1", "no Storage node has the AE title 'PACS1'; did you mean 'PACS'?"),
        ("OFF", "destination 'OFF' is disabled"),
        ("CAPACITOR", "no Storage node has the AE title 'CAPACITOR'"),
        ("WL", "no Storage node has the AE title 'WL'"),
    ],
)
def test_another_destination_is_an_error_with_the_nearest_title(title: str, words: str) -> None:
    node("PACS")
    node("OFF", enabled=False)
    node("WL", role="Worklist")
    with pytest.raises(UnknownDestination, match=words.replace("?", r"\?")):
        facts().resolve(title)


def test_without_any_node_the_error_says_so() -> None:
    with pytest.raises(UnknownDestination, match="there is no enabled Storage node"):
        facts().resolve("PACS")


def test_a_node_that_never_sent_has_zeros_and_no_moments() -> None:
    node("PACS")
    assert facts().node_stats("PACS") == {
        "success": 0, "failed": 0, "timedOut": 0, "recentSuccess": 0, "recentFailed": 0, "recentTimedOut": 0,
        "recentWindowMinutes": 60, "avgTransferMs": 0,
    }  # fmt: skip


def test_a_nodes_figures_are_those_of_its_status_and_of_the_last_hour() -> None:
    pacs, now = node("PACS"), timezone.now()
    NodeStatus.objects.create(
        node=pacs, delivered=7, failed=2, timed_out=1, last_success_at=now, last_failure_at=now, last_error="no",
        last_echo_at=now, last_echo_ok=True, last_echo_ms=1.5,
    )  # fmt: skip
    item = queue_item(node=pacs)
    for answer, minutes, error in (
        ("delivered", 5, ""),
        ("warning", 5, ""),
        ("refused", 5, ""),
        ("deferred", 5, "timed out"),
        ("delivered", 61, ""),
    ):
        began = now - timedelta(minutes=minutes)
        took = timedelta(milliseconds=250)
        Attempt.objects.create(
            item=item, node=pacs, started_at=began, ended_at=began + took, answer=answer, error=error
        )
    told = facts().node_stats("DCP_PACS")
    assert (told["success"], told["failed"], told["timedOut"]) == (7, 2, 1)
    assert (told["recentSuccess"], told["recentFailed"], told["recentTimedOut"]) == (2, 2, 1)
    assert told["avgTransferMs"] == 250
    assert told["lastSuccessAt"] == now.isoformat()
    assert told["lastFailure"] == {"at": now.isoformat(), "error": "no"}
    assert told["lastEcho"] == {"success": True, "latencyMs": 1.5, "at": now.isoformat()}


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL plans by what it counts")
def test_the_last_hour_of_a_node_is_found_without_reading_all_its_attempts() -> None:
    """There may be millions, and a script may ask for each image."""
    item, began = queue_item(node=node("PACS")), timezone.now() - timedelta(hours=3)
    times = {"started_at": began, "ended_at": began}
    Attempt.objects.bulk_create(Attempt(item=item, node=item.node, answer="delivered", **times) for _ in range(3))
    with CaptureQueriesContext(connection) as asked:
        facts().node_stats("PACS")
    statements = [query["sql"] for query in asked if "routing_attempt" in query["sql"]]
    assert statements
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}")
            (step,) = [row[3] for row in cursor.fetchall()]
            assert "rowid>?" in step or "LIMIT 1" in statement, step


def test_an_echo_is_asked_once_a_minute(monkeypatch: Any) -> None:
    node("PACS")
    asked = []

    def echo(address: Any, further: Any) -> EchoResult:
        asked.append((address.called_ae_title, address.calling_ae_title))
        return EchoResult(True, 2.5, "fine")

    monkeypatch.setattr(echoes, "echo", echo)
    one = facts()
    answer = {"success": True, "latencyMs": 2.5, "message": "fine"}
    assert one.node_echo("PACS") == one.node_echo("PACS") == answer
    assert asked == [("PACS", "CAPACITOR")]
    NodeStatus.objects.update(last_echo_at=timezone.now() - timedelta(seconds=61))
    one.node_echo("PACS")
    assert len(asked) == 2


@pytest.mark.integration
@pytest.mark.parametrize("says", ["nothing", "that it takes the association"])
def test_a_node_that_falls_silent_is_not_waited_for_by_the_script(says: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(asking, "_ECHO_PATIENCE", 0.2)

    def fall_silent(peer: ScriptedNode) -> None:
        if says != "nothing":
            peer.accept()
        while peer.socket.recv(65536):
            pass

    with scripted_node(fall_silent) as port:
        node("PACS", port=port)
        answer = facts().node_echo("PACS")
    assert answer["success"] is False
    assert ("within 0.2 s" if says == "nothing" else "no answer after 0 s") in answer["message"]


def test_a_node_whose_tls_files_are_missing_answers_no_echo() -> None:
    node("PACS", tls=True, tls_ca="gone.pem")
    answer = facts().node_echo("PACS")
    assert answer["success"] is False
    assert "gone.pem" in answer["message"]


def test_an_image_without_uid_has_an_empty_table() -> None:
    assert facts().state("study", "") == {}
