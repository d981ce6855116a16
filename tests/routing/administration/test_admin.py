"""Django admin: every table has its pages, what may not be edited can't be, and people's edits are audited."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from routing.audit.chain import seal
from routing.core.states import QueueState
from routing.models import (
    ApplicationLogLine,
    Attempt,
    AuditRecord,
    HistoryEntry,
    ItemLogLine,
    KnownSender,
    Lane,
    NodeOutage,
    NodeStatus,
    OperatorAction,
    OperatorStep,
    PrepareReport,
    QuarantinedInstance,
    QueueItem,
    Rehearsal,
    RehearsedImage,
    ScopedState,
    ServiceProcess,
    TrafficMark,
    TrafficMinute,
    UnknownSender,
    VersionMark,
    VersionTally,
)
from routing.selecting.bulk import TYPED_FROM
from scripts_app.models import (
    Activation,
    EntryCondition,
    LuaEntry,
    LuaLibrary,
    SampleCapture,
    ScriptDraft,
    ScriptSample,
    ScriptTest,
    ScriptVersion,
)
from tests.builders import node, queue_item
from tests.routing.administration import administrators
from tests.routing.administration.administrators import client_of, page, staff

pytestmark = pytest.mark.django_db
admin.autodiscover()
boss = administrators.boss
OURS = [model for model in admin.site._registry if model._meta.app_label in ("routing", "scripts_app")]
READ_ONLY = [
    Activation,
    ApplicationLogLine,
    Attempt,
    AuditRecord,
    HistoryEntry,
    ItemLogLine,
    Lane,
    OperatorAction,
    OperatorStep,
    PrepareReport,
    QuarantinedInstance,
    QueueItem,
    Rehearsal,
    RehearsedImage,
    ScopedState,
    ScriptDraft,
    ScriptTest,
    ScriptVersion,
    ServiceProcess,
    TrafficMark,
    TrafficMinute,
    VersionMark,
    VersionTally,
]


def row_in_every_table(n: int) -> None:
    """One more row in each table, with hostile text where somebody else wrote it."""
    now, hostile = timezone.now(), "<img src=x onerror=alert(1)>"
    pacs = node(f"PACS{n}", description=hostile)
    NodeStatus.objects.create(node=pacs, last_error=hostile, failures_in_a_row=1)
    NodeOutage.objects.create(node=pacs, ae_title=hostile[:16], began_at=now, error=hostile)
    version = ScriptVersion.objects.create(sha256=f"{n:064}", content={})
    item = queue_item("Failed", node=pacs, patient_name=hostile, last_error=hostile, script_version=version)
    HistoryEntry.objects.create(item=item, at=now, event="gave up", from_state="New", to_state="Failed", actor="w")
    Attempt.objects.create(item=item, node=pacs, started_at=now, ended_at=now, answer="refused", error=hostile)
    ItemLogLine.objects.create(item=item, at=now, level="info", source="script", text=hostile)
    PrepareReport.objects.create(item=item, at=now, script_version=version, verdict="failed", message=hostile)
    AuditRecord.objects.create(at=now, actor="admin", action="x", object=hostile, detail={"a": hostile})
    seal()
    ApplicationLogLine.objects.create(at=now, level="INFO", process="p", logger="l", message=hostile)
    Lane.objects.create(key=f"1.2.{n}", owner="w", until=now)
    ScopedState.objects.create(scope="study", uid=f"1.2.{n}", values={"n": hostile}, used_at=now)
    ServiceProcess.objects.create(owner=f"w{n}", role="worker", host="h", pid=n, started_at=now, seen_at=now)
    done = OperatorAction.objects.create(at=now, actor=hostile, action="retry", note=hostile)
    OperatorStep.objects.create(action=done, item_id=item.pk, to_state="New", moved_at=now, before={"state": "Failed"})
    TrafficMark.objects.create(history_id=n)
    QuarantinedInstance.objects.create(id=n, received_at=now, source_ae_title=hostile[:16], status=1, reason=hostile)
    VersionMark.objects.create(report_id=n)
    tried = Rehearsal.objects.create(kind="past", scope=hostile[:200], content={}, created_by=hostile[:150])
    RehearsedImage.objects.create(rehearsal=tried, item=item, effect="fails", told={"why": hostile})
    VersionTally.objects.create(version=version, activation=n, meant_by=hostile[:150])
    TrafficMinute.objects.create(minute=n, ae_title=hostile[:16])
    KnownSender.objects.create(ae_title=f"CT_{n}", description=hostile)
    UnknownSender.objects.create(
        ae_title=f"MR_{n}", address="192.0.2.7", called_ae_title="PACS", first_seen_at=now, last_seen_at=now
    )
    library = LuaLibrary.objects.create(path=f"a{n}.lua", source="x = 1")
    entry = LuaEntry.objects.create(position=n, library=library, description=hostile)
    EntryCondition.objects.create(entry=entry, tag="Modality", match_expression=hostile)
    ScriptDraft.objects.create(content={"entries": hostile}, base={}, updated_by=hostile)
    Activation.objects.create(version=version, content={}, actor=hostile, reason=hostile)
    ScriptTest.objects.create(
        name=f"{n} {hostile}",
        image=b"DICM",
        source_ae_title="CT_1",
        destination_ae_title="PACS",
        expected={"result": hostile},
        created_by=hostile,
    )
    kept = {"image": b"DICM", "size": 4, "source_ae_title": "CT_1", "created_by": hostile}
    sample = ScriptSample.objects.create(name=f"{n} {hostile}", about=hostile, note=hostile, **kept)
    SampleCapture.objects.create(name=hostile, looked_until=n, expires_at=now, sample=sample, created_by=hostile)


def test_every_table_is_registered() -> None:
    from django.apps import apps

    tables = {model for label in ("routing", "scripts_app") for model in apps.get_app_config(label).get_models()}
    inside_others = {"NodeStatus", "EntryCondition", "ScriptRevision"}
    assert {model.__name__ for model in tables - set(OURS)} == inside_others


@pytest.mark.fault(114, "the same in the administration")
@pytest.mark.parametrize("model", OURS)
def test_list_search_and_row_answer_and_show_hostile_text_as_text(model: type[models.Model], boss: Client) -> None:
    row_in_every_table(1)
    row = model._default_manager.first()
    assert row is not None
    for address in (page(model, "changelist"), page(model, "changelist") + "?q=1", page(model, "change", row.pk)):
        answer = boss.get(address)
        assert answer.status_code == 200, address
        assert b"<img src=x" not in answer.content


@pytest.mark.parametrize("model", OURS)
def test_a_list_takes_the_same_number_of_queries_whatever_its_length(model: type[models.Model], boss: Client) -> None:
    row_in_every_table(1)
    boss.get(page(model, "changelist"))
    counts = []
    for n in (2, 3, 4):
        with CaptureQueriesContext(connection) as queries:
            assert boss.get(page(model, "changelist")).status_code == 200
        counts.append(len(queries))
        row_in_every_table(n)
    assert len(set(counts)) == 1, counts


def test_history_is_filtered_by_what_happened(boss: Client) -> None:
    row_in_every_table(1)
    address = page(HistoryEntry, "changelist")
    assert "1 history entry" in boss.get(f"{address}?event=gave+up&to_state=Failed").text
    assert "0 history entries" in boss.get(f"{address}?event=delivered").text
    assert "1 attempt" in boss.get(page(Attempt, "changelist") + "?answer=refused").text


@pytest.mark.parametrize("model", OURS)
def test_staff_without_rights_see_nothing(model: type[models.Model]) -> None:
    row_in_every_table(1)
    client = staff()
    row = model._default_manager.first()
    assert row is not None
    for address in (page(model, "changelist"), page(model, "add"), page(model, "change", row.pk)):
        assert client.get(address).status_code == 403


def test_who_is_not_staff_is_sent_to_log_in() -> None:
    client = client_of(User.objects.create_user("somebody"))
    assert client.get(reverse("admin:index")).status_code == 302


@pytest.mark.fault(122, "adding, editing and deleting items and their records")
@pytest.mark.parametrize("model", READ_ONLY)
def test_what_happened_cannot_be_edited_added_or_removed(model: type[models.Model], boss: Client) -> None:
    row_in_every_table(1)
    row = model._default_manager.first()
    assert row is not None
    before = model._default_manager.values().get(pk=row.pk)
    assert boss.get(page(model, "add")).status_code == 403
    assert boss.post(page(model, "change", row.pk), {"state": "New", "actor": "me"}).status_code == 403
    assert boss.post(page(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert model._default_manager.values().get(pk=row.pk) == before


@pytest.mark.parametrize("model", [QueueItem, HistoryEntry, ItemLogLine, PrepareReport, AuditRecord, ScopedState])
def test_patient_data_needs_the_right_to_see_it(model: type[models.Model]) -> None:
    row_in_every_table(1)
    view = f"{model._meta.app_label}.view_{model._meta.model_name}"
    client = staff(view)
    assert client.get(page(model, "changelist")).status_code == 403
    user = User.objects.get(username="staff")
    user.user_permissions.add(Permission.objects.get(codename="view_phi"))
    assert client.get(page(model, "changelist")).status_code == 200


def choose(client: Client, action: str, *items: QueueItem, **more: Any) -> str:
    chosen = {"action": action, "_selected_action": [item.pk for item in items], **more}
    return str(client.post(page(QueueItem, "changelist"), chosen, follow=True).text)


@pytest.mark.parametrize(
    ("action", "start", "state"),
    [
        ("retry", "Failed", "Prepared"),
        ("try_now", "Prepared", "Prepared"),
        ("fail", "Prepared", "Failed"),
        ("reject", "Prepared", "Rejected"),
        ("delete", "Failed", "Dropped"),
        ("prepare_again", "Failed", "New"),
        ("send_again", "Delivered", "Prepared"),
        ("replay", "Delivered", "Delivered"),
    ],
)
def test_an_action_moves_items_with_history_audit_and_undo(boss: Client, action: str, start: str, state: str) -> None:
    item = queue_item(start, prepared_at=timezone.now(), last_error="no connection")
    assert "the page of the queue offers to undo it" in choose(boss, action, item)
    item.refresh_from_db()
    assert item.state == QueueState(state)
    assert HistoryEntry.objects.get(item=item).actor == "boss"
    assert AuditRecord.objects.get(action=action.replace("_", "-")).detail["reason"] == "by Django admin"
    assert OperatorStep.objects.count() == 1


def test_items_get_the_destination_that_is_chosen_beside_the_action_and_none_without(boss: Client) -> None:
    item = queue_item("Prepared", prepared_at=timezone.now())
    assert "Choose the new destination" in choose(boss, "change_destination", item)
    other = node("OTHER")
    assert "1 redirected" in choose(boss, "change_destination", item, node=str(other.pk))
    item.refresh_from_db()
    assert (item.destination_ae_title, item.node) == ("OTHER", other)


def test_an_action_says_what_it_could_not_move(boss: Client) -> None:
    assert "0 failed; 1 could not be, in the state they are in." in choose(boss, "fail", queue_item("Delivered"))


def test_very_many_items_are_not_deleted_without_the_question_of_the_queue(boss: Client) -> None:
    items = [queue_item("Failed") for _ in range(TYPED_FROM + 1)]
    assert "which asks for the number" in choose(boss, "delete", *items)
    assert QueueItem.objects.filter(state="Failed").count() == len(items)


def test_without_the_right_to_operate_there_are_no_actions() -> None:
    item = queue_item("Prepared")
    client = staff("routing.view_queueitem", "routing.view_phi")
    client.post(page(QueueItem, "changelist"), {"action": "fail", "_selected_action": [item.pk]})
    item.refresh_from_db()
    assert item.state == "Prepared"


def test_an_item_with_thousands_of_log_lines_shows_the_newest(boss: Client) -> None:
    item = queue_item("New")
    now = timezone.now()
    ItemLogLine.objects.bulk_create(
        ItemLogLine(item=item, at=now, level="info", source="script", text=f"line {n}.") for n in range(300)
    )
    text = boss.get(page(QueueItem, "change", item.pk)).text
    assert "line 299." in text and "line 200." in text and "line 199." not in text


def test_unknown_senders_are_allowed_from_their_address_and_leave_the_list(boss: Client) -> None:
    row_in_every_table(1)
    stranger = UnknownSender.objects.get()
    boss.post(page(UnknownSender, "changelist"), {"action": "allow", "_selected_action": [stranger.pk]})
    assert not UnknownSender.objects.exists()
    assert KnownSender.objects.filter(ae_title="MR_1", network="192.0.2.7", enabled=True).exists()
    assert AuditRecord.objects.filter(action="allow sender", object="MR_1", actor="boss").exists()
