"""Django admin: every table has its pages, what may not be edited can't be, and people's edits are audited."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from routing.audit_chain import seal
from routing.core.states import QueueState
from routing.models import (
    ApplicationLogLine,
    Attempt,
    AuditRecord,
    HistoryEntry,
    ItemLogLine,
    KnownSender,
    Lane,
    Node,
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
from routing.views.queue_bulk import TYPED_FROM
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

pytestmark = pytest.mark.django_db

admin.autodiscover()
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


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def boss() -> Iterator[Client]:
    yield client_of(User.objects.create_superuser("boss"))


def staff(*permissions: str) -> Client:
    user = User.objects.create_user("staff", is_staff=True)
    for name in permissions:
        label, codename = name.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=label, codename=codename))
    return client_of(user)


def page(model: type[models.Model], kind: str, *arguments: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{kind}", args=arguments)


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


NODE = {
    "ae_title": "NEW_PACS",
    "host": "pacs.example",
    "port": "104",
    "role": "Storage",
    "enabled": "on",
    "priority": "0",
    "max_associations": "2",
    "retry_initial": "10",
    "retry_limit": "600",
    "retry_jitter": "20",
    "tls_check_host": "on",
    "status-TOTAL_FORMS": "0",
    "status-INITIAL_FORMS": "0",
}


def test_adding_and_changing_a_node_is_audited_with_old_and_new_value(boss: Client) -> None:
    assert boss.post(page(Node, "add"), NODE).status_code == 302
    row = Node.objects.get()
    assert AuditRecord.objects.get(action="add node").object == "NEW_PACS"
    assert boss.post(page(Node, "change", row.pk), NODE | {"port": "11112"}).status_code == 302
    record = AuditRecord.objects.get(action="change node")
    assert (record.actor, record.detail["changes"]) == ("boss", {"port": [104, 11112]})


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("ae_title", "A" * 17, "at most 16"),
        ("port", "70000", "65535"),
        ("transfer_syntax", "JPEG2000Losless", "did you mean JPEG2000Lossless"),
        ("process_schedule", "25:00 - 26:00", "25:00"),
    ],
)
def test_a_node_with_a_wrong_value_is_not_saved(boss: Client, field: str, value: str, message: str) -> None:
    answer = boss.post(page(Node, "add"), NODE | {field: value})
    assert answer.status_code == 200 and message in answer.text
    assert not Node.objects.exists()


@pytest.mark.fault(122, "deleting a node that images wait for")
def test_a_node_that_images_wait_for_cannot_be_removed(boss: Client) -> None:
    busy, free = node("BUSY"), node("FREE")
    queue_item("Failed", node=busy)
    queue_item("Delivered", node=free)
    assert "1 images in the queue are for it" in boss.post(page(Node, "delete", busy.pk), {"post": "yes"}).text
    delete = {"action": "delete_selected", "_selected_action": [busy.pk, free.pk], "post": "yes"}
    assert "1 images in the queue are for it" in boss.post(page(Node, "changelist"), delete).text
    assert Node.objects.count() == 2
    assert boss.post(page(Node, "delete", free.pk), {"post": "yes"}).status_code == 302
    assert AuditRecord.objects.get(action="remove node").object == "FREE"


def entry_form(**fields: Any) -> dict[str, Any]:
    return {
        "position": "1",
        "on_error": "skip",
        "script": "print(1)",
        "conditions-TOTAL_FORMS": "0",
        "conditions-INITIAL_FORMS": "0",
        **fields,
    }


def conditions(*rows: dict[str, Any], initial: int = 0) -> dict[str, Any]:
    fields: dict[str, Any] = {"conditions-TOTAL_FORMS": len(rows), "conditions-INITIAL_FORMS": initial}
    for at, row in enumerate(rows):
        fields |= {f"conditions-{at}-{name}": value for name, value in ({"position": at} | row).items()}
    return fields


def test_an_entry_with_conditions_is_saved_and_audited(boss: Client) -> None:
    node("AI_SERVER")
    form = entry_form(ae_titles="AI_SERVER") | conditions({"tag": "Modality", "match_expression": "CT"})
    assert boss.post(page(LuaEntry, "add"), form).status_code == 302
    entry = LuaEntry.objects.get()
    assert (entry.ae_titles, entry.conditions.get().tag) == (["AI_SERVER"], "Modality")
    assert AuditRecord.objects.filter(action="add Lua entry", actor="boss").exists()
    assert AuditRecord.objects.get(action="change entry conditions of Lua entry").detail["changes"]["added"]


WRONG_ENTRIES = {
    "no Lua": (entry_form(script="x = = 1"), "line 1: unexpected symbol"),
    "neither script nor file": (entry_form(script=""), "either an inline script or a library file"),
    "unknown destination": (entry_form(ae_titles="PASC"), "is no Storage node; did you mean"),
    "unknown tag": (entry_form() | conditions({"tag": "Modalty", "match_expression": "CT"}), "Modality"),
    "broken pattern": (entry_form() | conditions({"tag": "Modality", "match_expression": "[CT"}), "[CT"),
}


@pytest.mark.parametrize(("form", "message"), WRONG_ENTRIES.values(), ids=WRONG_ENTRIES)
def test_an_entry_with_a_mistake_is_not_saved(boss: Client, form: dict[str, Any], message: str) -> None:
    node("PACS")
    answer = boss.post(page(LuaEntry, "add"), form)
    assert answer.status_code == 200 and message in answer.text
    assert not LuaEntry.objects.exists()


def test_a_condition_may_lie_inside_one_of_its_own_entry_only(boss: Client) -> None:
    entry = LuaEntry.objects.create(position=1, script="print(1)")
    sequence = EntryCondition.objects.create(entry=entry, tag="0008,1140")
    other = EntryCondition.objects.create(entry=LuaEntry.objects.create(script="x()"), tag="0008,1140")
    row = {"id": sequence.pk, "entry": entry.pk, "tag": "0008,1140"}
    inner = {"entry": entry.pk, "tag": "0008,1150", "match_expression": "1.2"}
    address = page(LuaEntry, "change", entry.pk)
    wrong = boss.post(address, entry_form() | conditions(row, inner | {"parent": other.pk}, initial=1))
    assert "not one of the available choices" in wrong.text
    circle = boss.post(address, entry_form() | conditions(row | {"parent": sequence.pk}, initial=1))
    assert "lies inside itself" in circle.text
    assert (
        boss.post(address, entry_form() | conditions(row, inner | {"parent": sequence.pk}, initial=1)).status_code
        == 302
    )
    assert sequence.sequence_items.get().tag == "0008,1150"


def test_the_list_of_entries_changes_order_and_switch(boss: Client) -> None:
    entry = LuaEntry.objects.create(position=5, script="print(1)")
    form = {
        "form-TOTAL_FORMS": 1,
        "form-INITIAL_FORMS": 1,
        "form-0-id": entry.pk,
        "form-0-position": 2,
        "_save": "Save",
    }
    assert boss.post(page(LuaEntry, "changelist"), form).status_code == 302
    entry.refresh_from_db()
    assert (entry.position, entry.enabled, entry.script) == (2, False, "print(1)")
    assert AuditRecord.objects.get(action="change Lua entry").detail["changes"] == {
        "position": [5, 2],
        "enabled": [True, False],
    }


def test_a_library_must_be_lua_and_stay_inside(boss: Client) -> None:
    for form, message in (
        ({"path": "../x.lua", "source": "x = 1"}, "must not contain"),
        ({"path": "x.lua", "source": "function ("}, "line 1:"),
    ):
        assert message in boss.post(page(LuaLibrary, "add"), form).text
    assert boss.post(page(LuaLibrary, "add"), {"path": "x.lua", "source": "x = 1\r\n"}).status_code == 302
    assert LuaLibrary.objects.get().source == "x = 1\n"
