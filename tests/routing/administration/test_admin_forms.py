"""Django admin: what may be edited is checked, saved and audited."""

import re
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext

from routing.models import Attempt, AuditRecord, HistoryEntry, Node, QueueItem
from scripts_app.models import EntryCondition, LuaEntry, LuaLibrary
from tests.builders import lua_entry, node, queue_item
from tests.routing.administration import administrators
from tests.routing.administration.administrators import page

pytestmark = pytest.mark.django_db
admin.autodiscover()
boss = administrators.boss
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


def test_the_question_before_a_node_is_removed_names_the_entries_that_use_it(boss: Client) -> None:
    free = node("FREE")
    lua_entry("print(1)", description="for the night", ae_titles=["FREE"])
    assert "the entry “for the night” is for it alone" in boss.get(page(Node, "delete", free.pk)).text
    chosen = {"action": "delete_selected", "_selected_action": [free.pk]}
    assert "the entry “for the night” is for it alone" in boss.post(page(Node, "changelist"), chosen).text


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


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL plans by what it counts")
def test_the_list_of_nodes_counts_what_is_queued_for_each_and_reads_nothing_that_has_left(boss: Client) -> None:
    pacs, other = node("PACS"), node("OTHER")
    for state, to in (("New", pacs), ("Failed", pacs), ("Delivered", pacs), ("Dropped", other)):
        queue_item(state, node=to, destination_ae_title=to.ae_title)
    with CaptureQueriesContext(connection) as asked:
        told = boss.get(page(Node, "changelist")).text
    assert re.findall(r'class="field-queued">(\d+)<', told) == ["0", "2"]
    with connection.cursor() as cursor:
        for statement in [query["sql"] for query in asked if "routing_queueitem" in query["sql"]]:
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}")
            steps = [row[3] for row in cursor.fetchall() if "routing_node" not in row[3] and "INDEX" in row[3]]
            assert steps == ["SEARCH U0 USING INDEX queue_destination_state (destination_ae_title=? AND state=?)"]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL plans by what it counts")
@pytest.mark.parametrize("model", [QueueItem, HistoryEntry, Attempt])
def test_a_search_for_an_item_by_its_number_reads_no_row_after_another(boss: Client, model: type[models.Model]) -> None:
    item, other = queue_item(), queue_item()
    for each in (item, other):
        HistoryEntry.objects.create(item=each, at=each.created_at, event="received", to_state="New", actor="listener")
        Attempt.objects.create(item=each, started_at=each.created_at, ended_at=each.created_at, answer="delivered")
    with CaptureQueriesContext(connection) as asked:
        found = boss.get(page(model, "changelist"), {"q": f" {item.pk} "}).context["cl"].queryset
        assert [getattr(row, "item_id", row.pk) for row in found] == [item.pk]
    with connection.cursor() as cursor:
        for statement in [query["sql"] for query in asked if f"= {item.pk}" in query["sql"]]:
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}")
            assert not [row[3] for row in cursor.fetchall() if row[3].startswith("SCAN routing")]
    assert not any("CAST" in query["sql"] for query in asked)
