"""Nodes are called in the background; what they answer is known before an image fails."""

import threading
from datetime import timedelta

import pytest
from django.utils import timezone

from routing.dicom.associate import Refusal
from routing.dicom.verification import EchoResult
from routing.engine.nodes import echoes
from routing.engine.nodes.echoes import Echoes
from routing.models import NodeStatus
from tests.acceptance.router import until
from tests.builders import node
from tests.routing.dicom.nodes import scripted_node
from tests.routing.dicom.peers import running_scp

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


def until_answered(calling: Echoes, *nodes) -> None:
    def answered() -> bool:
        calling.step()
        return NodeStatus.objects.filter(node__in=nodes, last_echo_at__isnull=False).count() == len(nodes)

    until(answered, 20)


def test_every_enabled_storage_node_is_called_and_others_are_not(tmp_path, caplog):
    with scripted_node(lambda peer: None) as nobody:
        pass
    with running_scp(tmp_path) as scp:
        alive = node("PACS", port=scp.port)
        dead = node("DEAD", port=nobody)
        node("OFF", port=scp.port, enabled=False)
        node("WORKLIST", port=scp.port, role="Worklist")
        until_answered(Echoes(3600), alive, dead)
    assert [status.last_echo_ok for status in NodeStatus.objects.order_by("node__ae_title")] == [False, True]
    assert "node DEAD does not answer C-ECHO" in caplog.text


def test_a_node_that_came_back_is_logged_once(tmp_path, caplog):
    caplog.set_level("INFO", "capacitor")
    with running_scp(tmp_path) as scp:
        pacs = node("PACS", port=scp.port)
        later = timezone.now() + timedelta(minutes=9)
        NodeStatus.objects.create(node=pacs, last_echo_ok=False, failures_in_a_row=5, not_before=later)
        until_answered(Echoes(3600), pacs)
        assert NodeStatus.objects.get().not_before <= timezone.now(), "the back-off ends"
        NodeStatus.objects.update(not_before=later)
        NodeStatus.objects.update(last_echo_at=None)
        until_answered(Echoes(3600), pacs)
        assert NodeStatus.objects.get().not_before == later, "who answers C-ECHO and takes nothing keeps its back-off"
    assert caplog.text.count("node PACS answers C-ECHO again") == 1


def test_a_node_that_takes_images_is_not_called_beside_them(tmp_path):
    """Where it takes one association at a time, an image that met the call was turned away, and the node had failed."""
    now = timezone.now()
    with running_scp(tmp_path) as scp:
        busy, quiet, refused = (node(name, port=scp.port) for name in ("BUSY", "QUIET", "REFUSED"))
        for each, taken, answered in ((busy, 5, True), (quiet, 70, True), (refused, 5, False)):
            taken_at = now - timedelta(seconds=taken)
            NodeStatus.objects.create(node=each, last_success_at=taken_at, last_echo_ok=answered)
        until_answered(Echoes(60), quiet, refused)
    assert NodeStatus.objects.get(node=busy).last_echo_at is None
    assert NodeStatus.objects.get(node=refused).last_echo_ok is True


def test_a_node_that_knows_the_original_senders_only_answers_by_its_rejection(tmp_path, caplog):
    with running_scp(tmp_path, admit=lambda request: Refusal(1, 3, "stranger")) as scp:
        known = node("PACS", port=scp.port, impersonate=True)
        # Images go to this one under the title that it does not know.
        lost = node("OTHER", port=scp.port)
        until_answered(Echoes(3600), known, lost)
    assert NodeStatus.objects.get(node=known).last_echo_ok is True
    assert "knows the senders' AE titles only" in NodeStatus.objects.get(node=known).last_echo_message
    assert NodeStatus.objects.get(node=lost).last_echo_ok is False
    assert "node PACS does not answer" not in caplog.text


@pytest.mark.parametrize("refusal", [Refusal(1, 7, "another node"), Refusal(3, 1, "congestion", transient=True)])
def test_any_other_rejection_by_a_node_that_is_impersonated_for_is_told(refusal, tmp_path):
    with running_scp(tmp_path, admit=lambda request: refusal) as scp:
        pacs = node("PACS", port=scp.port, impersonate=True)
        until_answered(Echoes(3600), pacs)
    assert NodeStatus.objects.get(node=pacs).last_echo_ok is False


def test_zero_seconds_call_nobody():
    node("PACS", port=1)
    calling = Echoes(0)
    calling.step()
    assert not calling._asked


def test_of_thousands_of_silent_nodes_few_are_called_at_once_and_all_in_the_end(monkeypatch):
    """Each has a connection open: beyond the limit of files the answer was that there were too many of them."""
    under_way, most, lock = [0], [0], threading.Lock()

    def silent(*_):
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], *under_way)
        enough.wait(5)
        with lock:
            under_way[0] -= 1
        return EchoResult(ok=False, latency_ms=0, message="no answer")

    enough = threading.Event()
    monkeypatch.setattr(echoes, "ask", silent)
    monkeypatch.setattr(echoes, "_AT_ONCE", 3)
    calling, nodes = Echoes(3600), [node(f"NODE_{number}") for number in range(12)]
    calling.step()
    until(lambda: under_way[0] == 3, 5)
    enough.set()
    until_answered(calling, *nodes)
    assert most == [3]


def test_an_error_of_our_own_is_an_answer_too(monkeypatch, caplog):
    def broken(*_):
        raise RuntimeError("bug")

    monkeypatch.setattr(echoes, "ask", broken)
    pacs = node("PACS")
    until_answered(Echoes(3600), pacs)
    assert NodeStatus.objects.get().last_echo_message == "C-ECHO ended by an unexpected error"
