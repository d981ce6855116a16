"""One node's page: what it says, and what can be done there by whom."""

import dataclasses
import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from routing.audit.log import audit
from routing.dicom.associate import Refusal
from routing.models import AuditRecord, Node, NodeOutage, NodeStatus, QueueItem
from scripts_app.models import LuaLibrary
from tests.builders import lua_entry, node, queue_item
from tests.pages.busy_router import busy_router
from tests.pages.people import HTMX, visitor, words
from tests.routing.dicom.peers import running_scp

pytestmark = pytest.mark.django_db


@pytest.fixture
def spool(monkeypatch, tmp_path):
    changed = dataclasses.replace(settings.CAPACITOR, data_dir=tmp_path, durable="none")
    monkeypatch.setattr(settings, "CAPACITOR", changed)


def test_a_viewer_reads_how_the_node_is_doing_and_what_leads_there_and_has_no_button():
    busy_router()
    research = Node.objects.get(ae_title="RESEARCH")
    answer = visitor().get(f"/nodes/{research.pk}/status/")
    told = words(answer)
    assert re.search(r"State failing next try in 4 min, after 6 failures in a row", told)
    assert "Led here by RESEARCH DCP_RESEARCH" in told
    assert "no connection to RESEARCH at 192.0.2.30" in told
    assert answer.content.decode().count('<form method="post"') == 1


def test_the_fragment_is_part_of_the_page_and_an_unknown_node_is_not_there():
    pacs = node("PACS")
    assert "<html" not in visitor().get(f"/nodes/{pacs.pk}/status/", headers=HTMX).content.decode()
    assert visitor("operator").get("/nodes/999/status/").status_code == 404


def test_a_node_of_another_role_has_a_page_too():
    assert "Role Worklist" in words(visitor().get(f"/nodes/{node('WL', role='Worklist').pk}/status/"))


@pytest.mark.integration
def test_what_a_node_accepts_is_asked_told_and_remembered(tmp_path):
    with running_scp(tmp_path, rejected_sop_classes=frozenset({"1.2.840.10008.5.1.4.1.1.2"})) as scp:
        pacs = node("PACS", port=scp.port)
        visitor("operator").post(f"/nodes/{pacs.pk}/echo/", {"contexts": "1"})
    told = words(visitor().get(f"/nodes/{pacs.pk}/status/"))
    assert "MR Image Storage yes yes yes yes yes yes yes" in told
    assert " CT Image Storage no no no no no no no" in told
    status = NodeStatus.objects.get(node=pacs)
    assert "1.2.840.10008.5.1.4.1.1.2" not in dict(status.accepted_contexts)
    assert (len(status.accepted_contexts), status.last_echo_ok) == (17, True)


@pytest.mark.integration
def test_a_node_that_knows_the_original_senders_only_is_told_as_answering_with_the_reason(tmp_path):
    with running_scp(tmp_path, admit=lambda request: Refusal(1, 3, "stranger")) as scp:
        pacs = node("PACS", port=scp.port, impersonate=True)
        visitor("operator").post(f"/nodes/{pacs.pk}/echo/")
    told = words(visitor().get(f"/nodes/{pacs.pk}/status/"))
    assert re.search(r"C-ECHO answers in \d+ ms", told)
    assert "calling AE title not recognized. It answers, and knows the senders' AE titles only" in told


def test_asking_a_dead_node_keeps_what_was_known(monkeypatch):
    pacs = node("PACS", tls=True, tls_ca="/nowhere/ca.pem")
    NodeStatus.objects.create(node=pacs, accepted_contexts=[["1.2.840.10008.5.1.4.1.1.4", []]])
    answer = visitor("operator").post(f"/nodes/{pacs.pk}/echo/", {"contexts": "1"}, follow=True)
    assert "/nowhere/ca.pem" in words(answer)
    assert NodeStatus.objects.get(node=pacs).accepted_contexts


@pytest.mark.usefixtures("spool")
def test_an_operator_sends_a_test_image_and_comes_to_its_item():
    pacs = node("PACS", paused=True)
    answer = visitor("operator").post(f"/nodes/{pacs.pk}/test-image/", follow=True)
    item = QueueItem.objects.get()
    assert answer.redirect_chain == [(f"/queue/{item.pk}/", 302)]
    assert "on its way to PACS; the node is paused, so it waits" in words(answer)
    assert (item.state, item.node) == ("Prepared", pacs)
    assert AuditRecord.objects.get().detail == {"item": item.pk}


@pytest.mark.parametrize(
    ("columns", "why"), [({"enabled": False}, "is disabled"), ({"role": "Worklist"}, "takes no images")]
)
def test_no_test_image_is_made_for_a_node_that_could_not_take_it(columns, why):
    answer = visitor("operator").post(f"/nodes/{node('PACS', **columns).pk}/test-image/", follow=True)
    assert why in words(answer)
    assert not QueueItem.objects.exists()


def test_the_schedule_is_set_aside_until_the_next_time_the_clock_shows_this_and_followed_again():
    pacs = node("PACS", process_schedule=["22:00 - 06:00"])
    before = pacs.updated_at
    client = visitor("operator")
    # People are in other zones than the server.
    assert "outside the schedule, until (UTC)" in words(client.get(f"/nodes/{pacs.pk}/status/"))
    soon = timezone.localtime() + timedelta(hours=1)
    client.post(f"/nodes/{pacs.pk}/schedule/", {"until": f"{soon:%H:%M}"})
    pacs.refresh_from_db()
    assert timedelta(minutes=58) < pacs.ignore_schedule_until - timezone.now() <= timedelta(hours=1)
    assert pacs.updated_at == before
    assert "set aside" in words(client.get("/nodes/"))
    past = timezone.localtime() - timedelta(hours=1)
    client.post(f"/nodes/{pacs.pk}/schedule/", {"until": f"{past:%H:%M}"})
    pacs.refresh_from_db()
    assert timedelta(hours=22) < pacs.ignore_schedule_until - timezone.now() < timedelta(hours=24)
    assert "follows its schedule again" in words(client.post(f"/nodes/{pacs.pk}/schedule/", follow=True))
    pacs.refresh_from_db()
    assert pacs.ignore_schedule_until is None
    actions = AuditRecord.objects.order_by("id").values_list("action", flat=True)
    assert list(actions) == ["set schedule aside", "set schedule aside", "follow schedule"]


def test_a_time_that_no_clock_shows_changes_nothing():
    pacs = node("PACS", process_schedule=["22:00 - 06:00"])
    answer = visitor("operator").post(f"/nodes/{pacs.pk}/schedule/", {"until": "25:61"}, follow=True)
    assert "'25:61' is not a time of day; write it like 18:30" in words(answer)
    assert not AuditRecord.objects.exists()


def test_a_node_that_items_wait_for_is_not_deleted_and_the_page_says_why():
    pacs = node("PACS")
    queue_item("Failed", node=pacs)
    queue_item("Prepared", node=pacs)
    client = visitor("administrator")
    page = client.get(f"/nodes/{pacs.pk}/delete/")
    assert "It cannot be deleted: 2 items in the queue are for it" in words(page)
    assert "Delete PACS</button>" not in page.content.decode()
    assert client.post(f"/nodes/{pacs.pk}/delete/").status_code == 409
    assert Node.objects.exists()


def test_a_node_that_nothing_waits_for_is_deleted_and_its_history_stays():
    pacs = node("PACS")
    item = queue_item("Delivered", node=pacs)
    answer = visitor("administrator").post(f"/nodes/{pacs.pk}/delete/", follow=True)
    assert "PACS is deleted" in words(answer)
    assert not Node.objects.exists()
    item.refresh_from_db()
    assert (item.node, item.destination_ae_title) == (None, "PACS")
    noted = AuditRecord.objects.get()
    assert noted.action == "delete node"
    # The record still names the number of a node that is gone, and its admin page can be read.
    client = visitor("administrator")
    assert "delete node" in words(client.get(f"/admin/routing/auditrecord/{noted.pk}/change/"))


def test_the_question_before_a_node_is_deleted_names_what_uses_it():
    pacs = node("PACS", aliases=["ARCHIVE"])
    node("AI")
    lua_entry("route:Add('AI')\n-- route:Add('PACS')", description="for both", ae_titles=["PACS", "AI"])
    lua_entry("x = 1\nroute:Add('ARCHIVE')", description="copies", enabled=False)
    LuaLibrary.objects.create(path="a.lua", source="route:Add 'PACS'\nroute:Add 'AI'\nroute:Add('PACS')")
    client = visitor("administrator")
    used = [
        "the entry “for both” is for it",
        "the disabled entry “copies” sends to it (line 2)",
        "the library file a.lua sends to it (line 1, 3)",
    ]
    page = client.get(f"/nodes/{pacs.pk}/delete/")
    assert page.context["used"] == used
    assert "Scripts use it: The entry “for both” is for it The disabled entry" in words(page)
    client.post(f"/nodes/{pacs.pk}/delete/")
    assert AuditRecord.objects.get(action="delete node").detail["used by"] == used
    assert "Scripts use it" not in words(client.get(f"/nodes/{node('NEW').pk}/delete/"))


def test_the_history_of_a_node_tells_old_and_new_values_under_any_name():
    pacs, other = node("PACS"), node("OTHER")
    audit("olga", "change node", pacs, port=[104, 11112], aliases=[[], ["A", "B"]], enabled=[True, False])
    audit("boss", "change node", pacs, id=1, changes={"host": ["a", "b"]})
    audit("olga", "change node", other, port=[1, 2])
    Node.objects.filter(pk=pacs.pk).update(ae_title="ARCHIVE")
    told = words(visitor().get(f"/nodes/{pacs.pk}/status/"))
    assert "olga change node port 104 → 11112 aliases nothing → A, B enabled yes → no" in told
    assert "host a → b" in told
    assert "1 → 2" not in told


def test_the_history_of_a_node_tells_the_numbers_0_and_1_as_numbers():
    pacs = node("PACS")
    audit("olga", "change node", pacs, batch_size=[0, 1], impersonate=[False, True], retry_limit=["", 0])
    told = words(visitor().get(f"/nodes/{pacs.pk}/status/"))
    assert "batch size 0 → 1 impersonate no → yes retry limit nothing → 0" in told


def test_the_history_of_a_node_is_found_without_reading_the_whole_audit_log():
    if connection.vendor == "postgresql":
        # Of a few rows it reads all, whatever indexes there are.
        connection.cursor().execute("SET LOCAL enable_seqscan = off")
    found = AuditRecord.objects.filter(node_id=7).exclude(action="echo node").order_by("-id")[:30]
    assert "audit_node" in found.explain()


@pytest.mark.parametrize("role", ["viewer", "operator", "script author"])
@pytest.mark.parametrize("action", ["delete", "schedule", "test-image"])
def test_nobody_does_what_the_role_does_not_allow(role, action):
    pacs = node("PACS")
    allowed = role != "viewer" and action != "delete"
    if allowed and action == "test-image":
        Node.objects.update(enabled=False)
    answer = visitor(role).post(f"/nodes/{pacs.pk}/{action}/")
    assert answer.status_code == (302 if allowed else 403)
    assert Node.objects.exists()


@pytest.mark.parametrize(
    ("called", "says"),
    [
        ("PACS", "It goes to PACS."),
        (" DCP_PACS ", "It goes to PACS."),
        ("ARCHIVE", "It goes to PACS."),
        ("AI", "It goes to AI, which is paused: it waits."),
        ("CAPACITOR", "own title: scripts decide"),
        ("OLD", "It is refused: OLD is disabled."),
        ("pacs", "no node has the called AE title pacs; the nearest is PACS"),
        ("<b>x</b>", "no node has the called AE title <b>x</b>"),
    ],
)
def test_the_page_tells_where_a_called_ae_title_leads(called, says):
    node("PACS", aliases=["ARCHIVE"])
    node("AI", paused=True)
    node("OLD", enabled=False)
    answer = visitor().get("/nodes/called/", {"called": called}, headers=HTMX)
    assert says in words(answer)
    assert "<b>" not in answer.content.decode()
    assert "<html" in visitor("operator").get("/nodes/called/", {"called": called}).content.decode()


def test_claims_of_two_nodes_to_one_title_are_told_on_the_list_and_refused_in_the_form():
    node("PACS")
    node("AI", aliases=["PACS"])
    told = words(visitor().get("/nodes/"))
    assert "PACS is an alias of AI and the AE title of a node; it leads to PACS." in told
    node("DCP_LATE")
    fields = {"ae_title": "LATE", "host": "h", "port": 1, "role": "Storage", "priority": 0, "max_associations": 1}
    retry = {"retry_initial": 1, "retry_limit": 1, "retry_jitter": 1}
    answer = visitor("administrator").post("/nodes/new/", fields | retry)
    assert "DCP_LATE, which would mean this node, already leads to DCP_LATE" in words(answer)


def test_a_node_is_paused_and_resumed_on_its_own_page():
    pacs = node("PACS")
    client = visitor("operator")
    answer = client.post(f"/nodes/{pacs.pk}/pause/", {"page": "node"})
    assert answer["Location"] == f"/nodes/{pacs.pk}/status/"
    page = client.get(f"/nodes/{pacs.pk}/status/")
    assert "PACS is paused: images are accepted and wait." in words(page)
    assert f'action="/nodes/{pacs.pk}/resume/"' in page.content.decode()
    assert f"/nodes/{pacs.pk}/pause/" not in visitor("viewer").get(f"/nodes/{pacs.pk}/status/").content.decode()


def test_an_administrator_disables_and_enables_a_node_and_both_are_audited():
    pacs = node("PACS")
    before = pacs.updated_at
    client = visitor("administrator")
    assert client.post(f"/nodes/{pacs.pk}/disable/").headers["Location"] == "/nodes/"
    client.post(f"/nodes/{pacs.pk}/disable/")
    pacs.refresh_from_db()
    assert not pacs.enabled
    assert pacs.updated_at > before
    assert "calls are refused while it is disabled" in words(client.get(f"/nodes/{pacs.pk}/status/"))
    client.post(f"/nodes/{pacs.pk}/enable/", {"page": "node"})
    assert Node.objects.get().enabled
    assert list(AuditRecord.objects.order_by("pk").values_list("action", flat=True)) == ["disable node", "enable node"]
    assert visitor("operator").post(f"/nodes/{pacs.pk}/disable/").status_code == 403


def test_the_times_in_which_a_node_took_nothing_are_listed_with_how_they_began():
    pacs, other = node("PACS"), node("OTHER")
    began = timezone.now() - timedelta(hours=3)
    ended = began + timedelta(minutes=4)
    NodeOutage.objects.create(node=pacs, ae_title="PACS", began_at=began, ended_at=ended, error="connection refused")
    NodeOutage.objects.create(node=pacs, ae_title="PACS", began_at=timezone.now(), error="<b>timeout</b>")
    NodeOutage.objects.create(node=other, ae_title="OTHER", began_at=began, error="not ours")
    page = visitor().get(f"/nodes/{pacs.pk}/status/")
    assert "connection refused" in words(page)
    assert "still <b>timeout</b>" in words(page)
    assert "<b>timeout</b>" not in page.content.decode()
    assert "not ours" not in words(page)


def test_without_a_spool_no_test_image_is_made_and_the_page_says_why(spool):
    pacs = node("PACS")
    queue_item("Prepared", node=pacs)
    client = visitor("operator")
    assert client.post(f"/nodes/{pacs.pk}/test-image/")["Location"] == f"/nodes/{pacs.pk}/status/"
    assert "No test image was made: the spool is gone" in words(client.get(f"/nodes/{pacs.pk}/status/"))
    assert QueueItem.objects.count() == 1
