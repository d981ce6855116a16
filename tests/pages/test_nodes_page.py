"""Nodes: how each is doing, pausing, echoing, and a form that says what is wrong."""

import socket
from datetime import timedelta

import pytest
from django.utils import timezone

from routing.models import AuditRecord, Node, NodeStatus
from tests.builders import node, queue_item
from tests.pages.busy_router import busy_router
from tests.pages.people import HTMX, visitor

pytestmark = pytest.mark.django_db
VALID = {
    "ae_title": "NEW_NODE",
    "host": "pacs.example",
    "port": 104,
    "role": "Storage",
    "enabled": "on",
    "priority": 0,
    "max_associations": 2,
    "retry_initial": 10,
    "retry_limit": 600,
    "retry_jitter": 20,
}


def create(**fields):
    return visitor("administrator").post("/nodes/new/", VALID | fields)


def test_the_number_that_waits_leads_to_what_waits():
    pacs = node("PACS")
    for state in ("Delivered", "Delivered", "New"):
        queue_item(state, node=pacs)
    shown = visitor().get("/nodes/").content.decode()
    assert 'href="/queue/?destination=PACS&amp;state=New">1</a>' in shown


def test_each_node_shows_which_called_ae_titles_lead_to_it():
    node("PACS", aliases=["ARCHIVE"])
    assert "PACS, ARCHIVE, DCP_PACS" in visitor().get("/nodes/").content.decode()


@pytest.mark.parametrize(
    ("columns", "status", "word"),
    [
        ({"enabled": False}, {}, "disabled"),
        ({"paused": True}, {}, "paused"),
        ({}, {"failures_in_a_row": 2, "last_error": "connection refused"}, "failing"),
        ({}, {}, "untried"),
    ],
)
def test_a_node_is_described_by_one_word(columns, status, word):
    NodeStatus.objects.create(node=node("PACS", **columns), **status)
    page = visitor().get("/nodes/").content.decode()
    assert f'class="condition {word}">{word}<' in page
    assert status.get("last_error", "") in page


def test_pausing_and_resuming_is_noted_with_who_did_it():
    pacs = node("PACS")
    queue_item(node=pacs)
    client = visitor("operator")
    answer = client.post(f"/nodes/{pacs.pk}/pause/", headers=HTMX)
    assert "<html" not in answer.content.decode()
    assert "PACS is paused: images are accepted and wait." in answer.content.decode()
    pacs.refresh_from_db()
    assert pacs.paused
    assert client.post(f"/nodes/{pacs.pk}/resume/").headers["Location"] == "/nodes/"
    pacs.refresh_from_db()
    assert not pacs.paused
    noted = AuditRecord.objects.order_by("id").values_list("actor", "action", "object")
    assert list(noted) == [("the operator", "pause node", "PACS"), ("the operator", "resume node", "PACS")]


def test_a_node_that_somebody_has_disabled_is_neither_said_to_take_images_nor_to_get_them():
    pacs = node("PACS", enabled=False)
    client = visitor("operator")
    page = client.get("/nodes/").content.decode()
    for press, told in (("pause", "paused"), ("resume", "no longer paused")):
        assert f"/nodes/{pacs.pk}/{press}/" not in page
        answer = client.post(f"/nodes/{pacs.pk}/{press}/", headers=HTMX)
        assert f"PACS is {told}, but disabled: calls for it are refused." in answer.content.decode()


@pytest.mark.integration
def test_a_node_that_does_not_listen_is_told_as_such_and_remembered():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        pacs = node("PACS", host="127.0.0.1", port=unused.getsockname()[1])
        answer = visitor("operator").post(f"/nodes/{pacs.pk}/echo/", headers=HTMX).content.decode()
    assert "no answer" in answer
    assert "refused" in answer
    status = NodeStatus.objects.get(node=pacs)
    assert status.last_echo_ok is False
    assert "no answer" in visitor("operator").get("/nodes/").content.decode()


@pytest.mark.integration
def test_a_node_that_answers_is_told_with_the_time_it_took(verification_scp):
    pacs = node("PACS", host="127.0.0.1", port=verification_scp)
    answer = visitor("operator").post(f"/nodes/{pacs.pk}/echo/", headers=HTMX).content.decode()
    assert "answers in" in answer
    assert NodeStatus.objects.get(node=pacs).last_echo_ok is True


@pytest.fixture
def verification_scp():
    from pynetdicom import AE

    server = AE("PACS")
    server.add_supported_context("1.2.840.10008.1.1")
    running = server.start_server(("127.0.0.1", 0), block=False)
    yield running.socket.getsockname()[1]
    running.shutdown()


def test_wrong_tls_files_are_an_answer_not_an_error_page():
    pacs = node("PACS", tls=True, tls_ca="/nowhere/ca.pem")
    answer = visitor("operator").post(f"/nodes/{pacs.pk}/echo/", headers=HTMX)
    assert answer.status_code == 200
    assert "/nowhere/ca.pem" in answer.content.decode()


def test_an_administrator_creates_a_node_and_the_change_is_noted():
    answer = create(aliases="ARCHIVE\n OTHER ", process_schedule="22:00-6:00", process_networks="192.0.2.7/24")
    assert answer.headers["Location"] == "/nodes/"
    made = Node.objects.get()
    assert (made.ae_title, made.aliases) == ("NEW_NODE", ["ARCHIVE", "OTHER"])
    assert (made.process_schedule, made.process_networks) == (["22:00 - 06:00"], ["192.0.2.0/24"])
    assert AuditRecord.objects.get().detail["host"][1] == "pacs.example"


@pytest.mark.integration
@pytest.mark.parametrize("press", ["", "resume/", "echo/"])
def test_what_may_have_put_a_node_right_ends_its_back_off(press, verification_scp):
    pacs = node("PACS", host="127.0.0.1", port=verification_scp, paused=press == "resume/")
    other = node("OTHER")
    until = timezone.now() + timedelta(minutes=9)
    for each in (pacs, other):
        NodeStatus.objects.create(node=each, failures_in_a_row=7, not_before=until)
    form = VALID | {"ae_title": "PACS", "host": "127.0.0.1", "port": verification_scp}
    visitor("administrator").post(f"/nodes/{pacs.pk}/{press}", form)
    status = NodeStatus.objects.get(node=pacs)
    assert (status.failures_in_a_row, status.not_before <= timezone.now()) == (7, True)
    assert NodeStatus.objects.get(node=other).not_before == until


@pytest.mark.integration
def test_an_echo_that_is_not_answered_leaves_the_back_off(monkeypatch):
    monkeypatch.setattr("routing.views.node_echo.LIMIT", 1.0)
    pacs = node("PACS", host="127.0.0.1", port=1)
    until = timezone.now() + timedelta(minutes=9)
    NodeStatus.objects.create(node=pacs, failures_in_a_row=7, not_before=until)
    visitor("operator").post(f"/nodes/{pacs.pk}/echo/")
    assert NodeStatus.objects.get().not_before == until


def test_an_administrator_changes_a_node():
    pacs = node("PACS", aliases=["ARCHIVE"])
    client = visitor("administrator")
    assert ">ARCHIVE</textarea>" in client.get(f"/nodes/{pacs.pk}/").content.decode().replace("\n", "")
    client.post(f"/nodes/{pacs.pk}/", VALID | {"ae_title": "PACS", "port": 11112, "aliases": "ARCHIVE"})
    pacs.refresh_from_db()
    assert (pacs.port, pacs.aliases) == (11112, ["ARCHIVE"])
    assert AuditRecord.objects.get().detail["port"] == [104, 11112]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"ae_title": "MUCH_TOO_LONG_TITLE"}, "at most 16"),
        ({"ae_title": "A\\B"}, "characters that are not allowed"),
        ({"ae_title": "CAPACITOR"}, "CAPACITOR is the router&#x27;s own AE title"),
        ({"ae_title": "ARCHIVE"}, "ARCHIVE already leads to PACS"),
        ({"aliases": "DCP_PACS"}, "DCP_PACS already leads to PACS"),
        ({"aliases": f"FINE\n{'A' * 65}"}, "has 65 characters; at most 64"),
        ({"port": 70000}, "less than or equal to 65535"),
        ({"host": "https://pacs.example/x"}, "perhaps pacs.example"),
        ({"host": "pacs..example"}, "each part has from 1 to 63 characters"),
        ({"host": "192.0.2.7:104"}, "the port has a field of its own"),
        ({"process_schedule": "night"}, "such as &#x27;22:00 - 06:00&#x27;"),
        ({"process_schedule": "22:00 - 24:01"}, "hours go to 23"),
        ({"process_networks": "192.0.2"}, "such as &#x27;192.168.1.0/24&#x27;"),
        ({"sop_class_priorities": "CT"}, "is not a SOP class UID and not &#x27;default&#x27;"),
        ({"transfer_syntax": "JPEG2000Losless"}, "did you mean"),
        ({"retry_limit": 5}, "must be at least the first delay, 10 seconds"),
        ({"retry_limit": 2**31}, "less than or equal to 2147483647"),
        ({"process_delay": 10**18}, "less than or equal to 2147483647"),
        ({"retry_attempts": 0}, "greater than or equal to 1"),
    ],
)
def test_a_wrong_value_is_named_with_what_would_be_right_and_nothing_is_saved(fields, words):
    node("PACS", aliases=["ARCHIVE"])
    answer = create(**fields)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert Node.objects.count() == 1


def test_what_was_imported_means_the_same_in_the_form_and_keeps_nobody_from_changing_something_else():
    alias = "A_TITLE_FOR_SCRIPTS_ALONE"
    pacs = node("PACS", aliases=[alias], process_networks=["192.0.2.0"], process_schedule=["18:00-24:00"])
    lists = {"aliases": alias, "process_networks": "192.0.2.0\n198.51.100.7", "process_schedule": "18:00-24:00"}
    answer = visitor("administrator").post(f"/nodes/{pacs.pk}/", VALID | {"ae_title": "PACS", "port": 11112} | lists)
    assert answer.status_code == 302
    pacs.refresh_from_db()
    assert (pacs.port, pacs.aliases, pacs.process_schedule) == (11112, [alias], ["18:00-24:00"])
    assert pacs.process_networks == ["192.0.2.0/24", "198.51.100.7/32"]


@pytest.mark.parametrize("host", ["::1", "fe80::1%eth0", "pacs", "pacs_2.example.", "bücher.example"])
def test_names_and_addresses_of_every_kind_are_hosts(host):
    assert create(host=host).status_code == 302


def test_the_page_asks_a_fixed_number_of_queries(django_assert_max_num_queries):
    busy_router()
    for number in range(20):
        node(f"N{number}")
    client = visitor()
    with django_assert_max_num_queries(12):
        assert client.get("/nodes/").status_code == 200
