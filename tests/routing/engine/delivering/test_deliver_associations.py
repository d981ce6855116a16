"""Deliveries whose association is refused, cut off or silent: what counts as an attempt, and what goes on."""

import itertools
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone

from routing.dicom import storage_scu
from routing.dicom.associate import RELEASE_RQ, encode_abort
from routing.engine.delivering import node_couriers
from routing.engine.directory import Directory
from routing.engine.preparing.facts import QueueDatabaseFacts
from routing.engine.preparing.state_book import StateBook
from routing.models import Attempt, QueueItem
from tests.routing.dicom.nodes import ScriptedNode, scripted_node
from tests.routing.engine.delivering.delivery import back_off_is_over, delivery, node, states, status, storage_node

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


def rejecting(result: int, source: int, reason: int):
    def script(peer: ScriptedNode) -> None:
        peer.receive()
        peer.send(bytes((3, 0, 0, 0, 0, 4, 0, result, source, reason)))

    return script


def aborting(peer: ScriptedNode) -> None:
    peer.receive()
    peer.send(bytes((7, 0, 0, 0, 0, 4, 0, 0, 0, 0)))


def aborting_over(poison: list[str]):
    """A node that stores what is not among these instances, and ends the association of one that is."""

    def answer(event, number):
        if event.request.AffectedSOPInstanceUID in poison:
            event.assoc.abort()
        return 0x0000

    return answer


def silent(peer: ScriptedNode) -> None:
    peer.receive()
    peer.is_closed()


def talking_nonsense(peer: ScriptedNode) -> None:
    peer.send(b"HTTP/1.0 400 Bad Request\r\n\r\n")


def recently_timed_out() -> int:
    """What scripts are told of PACS."""
    facts = QueueDatabaseFacts(Directory("CAPACITOR", "DCP_"), StateBook(), lambda: None)
    return facts.node_stats("PACS")["recentTimedOut"]


@pytest.mark.fault(99)
@pytest.mark.parametrize(
    ("script", "state", "words"),
    [
        (rejecting(2, 3, 2), "Prepared", "local limit exceeded"),
        (rejecting(1, 1, 7), "Rejected", "called AE title not recognized"),
        (aborting, "Prepared", "aborted the association request"),
        (silent, "Prepared", "did not answer the association request"),
        (talking_nonsense, "Prepared", "no DICOM node"),
    ],
)
def test_without_an_association_the_node_has_failed_and_is_left_alone(tmp_path, script, state, words):
    with scripted_node(script) as port, delivery(tmp_path, acse_timeout=0.2) as running:
        pacs = node(port)
        items = [running.image(pacs), running.image(pacs)]
        running.rest()
    assert states(*items) == [state, state]
    for item in items:
        item.refresh_from_db()
        assert words in item.last_error
        assert item.attempt_count == 1
        assert Attempt.objects.get(item=item).status is None
    assert status(pacs).failures_in_a_row == 1
    assert status(pacs).not_before > timezone.now() + timedelta(seconds=8)
    assert words in status(pacs).last_error
    assert status(pacs).timed_out == (script is silent)
    assert recently_timed_out() == (2 if script is silent else 0)


@pytest.mark.fault(101)
def test_an_image_that_is_not_answered_in_time_is_deferred_as_timed_out(tmp_path):
    def script(peer: ScriptedNode) -> None:
        peer.accept()
        peer.receive_store()
        peer.receive()

    with scripted_node(script) as port, delivery(tmp_path, stall_threshold=0.2) as running:
        item = running.image(node(port))
        running.rest()
    item.refresh_from_db()
    assert (item.state, item.attempt_count, item.last_status) == ("Prepared", 1, None)
    assert "no answer" in item.last_error
    assert (status(item.node).timed_out, status(item.node).failures_in_a_row) == (1, 1)
    assert recently_timed_out() == 1


def test_an_image_that_progressed_for_long_and_was_cut_off_did_not_time_out(tmp_path, monkeypatch):
    moments = (timezone.now() + timedelta(hours=hours) for hours in itertools.count())
    monkeypatch.setattr(storage_scu, "datetime", SimpleNamespace(now=lambda zone: next(moments)))

    def script(peer: ScriptedNode) -> None:
        peer.accept()
        peer.receive_store()

    with scripted_node(script) as port, delivery(tmp_path, stall_threshold=60) as running:
        item = running.image(node(port))
        running.rest()
    attempt = Attempt.objects.get(item=item)
    assert attempt.ended_at - attempt.started_at >= timedelta(hours=1)
    assert "connection" in attempt.error
    assert (status(item.node).timed_out, recently_timed_out()) == (0, 0)


@pytest.mark.fault(101)
def test_after_an_abort_the_image_in_flight_counts_and_the_rest_goes_on(tmp_path):
    def answer(event, number):
        if number == 2:
            event.assoc.abort()
        return 0x0000

    with storage_node(answer) as pacs, delivery(tmp_path) as running:
        pacs_node = node(pacs.port, max_associations=1)
        items = [running.image(pacs_node) for _ in range(4)]
        running.rest()
        assert states(*items) == ["Delivered", "Prepared", "Delivered", "Delivered"]
        assert [QueueItem.objects.get(pk=item.pk).attempt_count for item in items] == [1, 1, 1, 1]
        assert status(pacs_node).failures_in_a_row == 0
        back_off_is_over(pacs_node)
        running.rest()
    assert states(*items) == ["Delivered"] * 4
    assert Attempt.objects.filter(item=items[1]).count() == 2


@pytest.mark.fault(101)
def test_an_image_that_ends_every_association_does_not_hold_up_the_others(tmp_path):
    poison: list[str] = []
    with storage_node(aborting_over(poison)) as pacs, delivery(tmp_path) as running:
        pacs_node = node(pacs.port, max_associations=1)
        bad = running.image(pacs_node)
        poison.append(bad.sop_instance_uid)
        running.rest()
        assert status(pacs_node).failures_in_a_row == 1
        back_off_is_over(pacs_node)
        running.rest()
        good = running.image(pacs_node)
        running.rest()
    bad.refresh_from_db()
    assert (bad.state, bad.attempt_count) == ("Prepared", 2)
    assert states(good) == ["Delivered"]


@pytest.mark.parametrize(("count", "failures"), [(7, 0), (8, 1)])
def test_images_that_end_their_associations_keep_none_behind_them_waiting_unless_there_is_no_end(
    tmp_path, count, failures
):
    poison: list[str] = []
    with storage_node(aborting_over(poison)) as pacs, delivery(tmp_path) as running:
        pacs_node = node(pacs.port, max_associations=1)
        bad = [running.image(pacs_node) for _ in range(count)]
        poison += [item.sop_instance_uid for item in bad]
        good = running.image(pacs_node)
        running.rest()
    assert states(*bad) == ["Prepared"] * count
    assert set(QueueItem.objects.filter(pk__in=[item.pk for item in bad]).values_list("attempt_count", flat=True)) == {
        1
    }
    assert states(good) == ["Prepared" if failures else "Delivered"]
    assert status(pacs_node).failures_in_a_row == failures


def test_a_node_that_notices_late_that_an_image_ended_its_only_association_has_not_failed(tmp_path, monkeypatch):
    monkeypatch.setattr(node_couriers, "_JUST_NOW", 3600)
    connections = []

    def script(peer):
        connections.append(peer)
        if len(connections) == 2:
            peer.turn_away()
            return
        peer.accept()
        request, _ = peer.receive_store()
        if len(connections) == 1:
            peer.send(encode_abort(0))
            return
        peer.respond(request)
        for _ in range(2):
            request, _ = peer.receive_store()
            peer.respond(request)
        peer.answer_release()

    with scripted_node(script) as port, delivery(tmp_path) as running:
        pacs = node(port, max_associations=1)
        ends_it, *others = [running.image(pacs) for _ in range(4)]
        running.rest()
    assert states(ends_it, *others) == ["Prepared", "Delivered", "Delivered", "Delivered"]
    assert status(pacs).failures_in_a_row == 0
    assert [QueueItem.objects.get(pk=other.pk).attempt_count for other in others] == [1, 1, 1]


def test_a_node_that_hangs_over_an_association_that_rested_is_not_asked_again_at_once(tmp_path):
    """One that has closed it is: see the kept association in test_deliver_nodes."""
    connections = []

    def script(peer: ScriptedNode) -> None:
        connections.append(peer)
        peer.accept()
        request, _ = peer.receive_store()
        peer.respond(request)
        peer.receive_store()
        peer.receive()

    with scripted_node(script) as port, delivery(tmp_path, idle_association=5, stall_threshold=2) as running:
        pacs = node(port, max_associations=1)
        first = running.image(pacs)
        running.rest()
        second = running.image(pacs)
        running.rest()
    assert states(first, second) == ["Delivered", "Prepared"]
    assert len(connections) == 1
    assert (status(pacs).timed_out, Attempt.objects.filter(item=second).count()) == (1, 1)


def test_a_node_that_releases_after_some_images_gets_the_next_ones_over_another_association_at_once(tmp_path):
    """Its release and the next image cross each other."""
    crossed = []

    def script(peer: ScriptedNode) -> None:
        peer.accept()
        for _ in range(3):
            request, _ = peer.receive_store()
            peer.respond(request)
        if not crossed:
            crossed.append(peer.receive_store())
            peer.send(RELEASE_RQ)
        else:
            peer.answer_release()

    with scripted_node(script) as port, delivery(tmp_path) as running:
        pacs = node(port, max_associations=1, retry_attempts=1)
        items = [running.image(pacs) for _ in range(6)]
        running.rest()
    assert states(*items) == ["Delivered"] * 6
    assert (status(pacs).failures_in_a_row, status(pacs).last_error) == (0, "")
    assert [QueueItem.objects.get(pk=item.pk).attempt_count for item in items] == [1] * 6


def test_a_node_that_releases_instead_of_answering_anything_is_not_asked_again_at_once(tmp_path):
    connections = []

    def script(peer: ScriptedNode) -> None:
        connections.append(peer)
        peer.accept()
        peer.receive_store()
        peer.send(RELEASE_RQ)
        peer.receive()

    with scripted_node(script) as port, delivery(tmp_path) as running:
        item = running.image(node(port))
        running.rest()
    assert (states(item), len(connections)) == (["Prepared"], 1)
