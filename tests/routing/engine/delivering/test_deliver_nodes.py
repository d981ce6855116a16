"""How nodes are treated: those that fail, those that may not be sent to now, and what each of them wants."""

import threading
from datetime import timedelta

import pytest
from django.utils import timezone

from routing.engine.nodes.status import Trial, may_try
from routing.models import Attempt, Node, NodeOutage, NodeStatus, QueueItem
from tests.builders import ct_image
from tests.ports import free_port
from tests.routing.dicom.nodes import ScriptedNode, scripted_node
from tests.routing.dicom.peers import CT_IMAGE, EXPLICIT, MR_IMAGE, PATIENCE, running_scp
from tests.routing.dicom.test_tls import acceptor, certificate
from tests.routing.engine.delivering.delivery import (
    Held,
    back_off_is_over,
    delivery,
    node,
    states,
    status,
    storage_node,
)

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


@pytest.mark.fault(98)
def test_a_dead_node_and_a_hanging_one_hold_up_no_other(tmp_path):
    released = threading.Event()

    def hanging(peer: ScriptedNode) -> None:
        peer.accept()
        peer.receive_store()
        released.wait(10)

    with (
        storage_node() as one,
        storage_node() as other,
        scripted_node(hanging) as stuck,
        delivery(tmp_path) as running,
    ):
        late = [running.image(n) for n in (node(free_port(), "DEAD"), node(stuck, "STUCK")) for _ in range(3)]
        fine = [running.image(n) for n in (node(one.port, "ONE"), node(other.port, "OTHER")) for _ in range(3)]
        running.until(lambda: states(*fine) == ["Delivered"] * 6)
        assert states(*late) == ["Prepared"] * 6
        released.set()
        running.rest()
    assert (one.instances, other.instances) == (
        [item.sop_instance_uid for item in fine[:3]],
        [item.sop_instance_uid for item in fine[3:]],
    )


@pytest.mark.fault(97)
def test_a_dead_node_is_tried_once_in_each_back_off_and_gets_everything_in_order_when_it_is_back(tmp_path):
    rejections = []

    def busy(peer: ScriptedNode) -> None:
        peer.receive()
        rejections.append(peer)
        peer.send(bytes((3, 0, 0, 0, 0, 4, 0, 2, 3, 1)))

    with delivery(tmp_path, batch_size=2) as running:
        with scripted_node(busy) as port:
            pacs = node(port)
            items = [running.image(pacs) for _ in range(6)]
            for tried in (1, 2, 3):
                running.rest()
                running.rest()
                assert len(rejections) == tried
                assert status(pacs).failures_in_a_row == tried
                wait = status(pacs).not_before - timezone.now()
                assert timedelta(seconds=10 * 2 ** (tried - 1) - 5) < wait <= timedelta(seconds=10 * 2 ** (tried - 1))
                back_off_is_over(pacs)
        assert [QueueItem.objects.get(pk=item.pk).attempt_count for item in items] == [3, 3, 0, 0, 0, 0]
        outage = NodeOutage.objects.get()
        assert (outage.node, outage.ae_title, outage.ended_at) == (pacs, "PACS", None)
        with storage_node() as alive:
            Node.objects.filter(pk=pacs.pk).update(port=alive.port, max_associations=1)
            running.rest()
    assert states(*items) == ["Delivered"] * 6
    assert alive.instances == [item.sop_instance_uid for item in items]
    assert (status(pacs).failures_in_a_row, status(pacs).not_before) == (0, None)
    # However often it was tried: one outage, from the first failure to the next answer.
    ended = NodeOutage.objects.get()
    assert ended.began_at < ended.ended_at <= timezone.now()
    assert ended.error


def test_only_one_worker_tries_a_failing_node(tmp_path):
    now = timezone.now()
    pacs = node(104)
    assert may_try(pacs.pk, now) is Trial.YES
    NodeStatus.objects.create(node=pacs, failures_in_a_row=3, not_before=now + timedelta(seconds=1))
    assert may_try(pacs.pk, now) is Trial.NO
    later = now + timedelta(seconds=2)
    assert [may_try(pacs.pk, later), may_try(pacs.pk, later)] == [Trial.PROBE, Trial.NO]


def test_an_unusable_file_at_the_head_does_not_keep_a_failing_node_waiting(tmp_path):
    with storage_node() as pacs, delivery(tmp_path) as running:
        pacs_node = node(pacs.port)
        NodeStatus.objects.create(node=pacs_node, failures_in_a_row=1, not_before=timezone.now())
        bad = running.image(pacs_node)
        running.spool.discard(bad.id)
        running.rest()
        good = running.image(pacs_node)
        running.rest()
        running.rest()
    assert states(bad, good) == ["Failed", "Delivered"]


@pytest.mark.parametrize(
    "gate",
    [
        {"paused": True},
        {"enabled": False},
        {"process_schedule": ["00:00 - 00:01", "nonsense"]},
        {"process_networks": ["198.51.100.0/24"]},
        {"transfer_syntax": "JPEG3000"},
    ],
    ids=str,
)
def test_nothing_is_sent_through_a_closed_gate_and_everything_after_it_opens(tmp_path, gate):
    with storage_node() as pacs, delivery(tmp_path) as running:
        pacs_node = node(pacs.port, **gate)
        item = running.image(pacs_node)
        running.rest()
        item.refresh_from_db()
        assert (item.state, item.attempt_count, item.lease_owner, pacs.requested) == ("Prepared", 0, "", [])
        assert bool(running.deliverer.detail()) is bool(gate.keys() & {"process_networks", "transfer_syntax"})
        opened = {"paused": False, "enabled": True, "process_schedule": [], "process_networks": ["127.0.0.0 / 8"]}
        Node.objects.filter(pk=pacs_node.pk).update(**opened, transfer_syntax="")
        running.rest()
    assert states(item) == ["Delivered"]


def test_a_schedule_that_somebody_set_aside_holds_nothing_up_until_that_moment(tmp_path):
    def clock(hours: int) -> str:
        return f"{timezone.now() + timedelta(hours=hours):%H:%M}"

    with storage_node() as pacs, delivery(tmp_path) as running:
        pacs_node = node(pacs.port, process_schedule=[f"{clock(2)} - {clock(3)}"])
        item = running.image(pacs_node)
        for hours in (None, -1):
            until = None if hours is None else timezone.now() + timedelta(hours=hours)
            Node.objects.filter(pk=pacs_node.pk).update(ignore_schedule_until=until)
            running.rest()
            assert states(item) == ["Prepared"]
        Node.objects.filter(pk=pacs_node.pk).update(ignore_schedule_until=timezone.now() + timedelta(hours=1))
        running.rest()
        assert states(item) == ["Delivered"]


def test_a_node_that_is_paused_meanwhile_gets_the_image_in_flight_and_no_other(tmp_path):
    held = Held()
    with storage_node(held) as pacs, delivery(tmp_path) as running:
        pacs_node = node(pacs.port, max_associations=1)
        items = [running.image(pacs_node) for _ in range(3)]
        running.until(lambda: bool(pacs.arrived))
        Node.objects.filter(pk=pacs_node.pk).update(paused=True)
        running.deliverer.step()
        held.let_go()
        running.rest()
        assert states(*items) == ["Delivered", "Prepared", "Prepared"]
    assert [QueueItem.objects.get(pk=item.pk).attempt_count for item in items] == [1, 0, 0]


def test_sop_class_priorities_decide_the_order_and_first_come_the_rest(tmp_path):
    contexts = [(CT_IMAGE, EXPLICIT), (MR_IMAGE, EXPLICIT)]
    with storage_node(contexts=contexts) as pacs, delivery(tmp_path) as running:
        pacs_node = node(pacs.port, sop_class_priorities=[MR_IMAGE, "default"], max_associations=1, priority=1)
        items = [running.image(pacs_node, sop_class_uid=kind) for kind in (CT_IMAGE, MR_IMAGE, CT_IMAGE, MR_IMAGE)]
        running.rest()
    assert pacs.instances == [items[place].sop_instance_uid for place in (1, 3, 0, 2)]
    assert {arrival.association for arrival in pacs.arrived} == {1}
    assert {arrival.priority for arrival in pacs.arrived} == {1}


def test_a_node_that_takes_fewer_associations_than_it_may_be_asked_for_has_not_failed(tmp_path):
    def answer(event, number):
        if number == 1:
            pacs.has_rejected.wait(PATIENCE)
        return 0x0000

    unhurried = {"batch_size": 2, "idle_association": PATIENCE}
    with storage_node(answer, most_associations=1) as pacs, delivery(tmp_path, **unhurried) as running:
        pacs_node = node(pacs.port, max_associations=3)
        items = [running.image(pacs_node) for _ in range(12)]
        running.rest()
    assert 2 <= len(pacs.requested) <= 3, "who was turned away does not ask again and again"
    assert states(*items) == ["Delivered"] * 12
    assert set(QueueItem.objects.values_list("attempt_count", flat=True)) == {1}
    assert status(pacs_node).last_failure_at is None


def test_a_batch_that_needs_more_contexts_than_an_association_has_takes_several(tmp_path):
    kinds = [f"1.2.826.0.1.3680043.9.{number}" for number in range(90)]
    with running_scp(tmp_path / "pacs") as pacs, delivery(tmp_path) as running:
        pacs_node = node(pacs.port, max_associations=1, batch_size=0)
        items = []
        for number, kind in enumerate(kinds):
            named = {"SOPClassUID": kind, "SOPInstanceUID": f"1.2.3.{number}"}
            columns = {"sop_class_uid": kind, "sop_instance_uid": f"1.2.3.{number}"}
            items.append(running.image(pacs_node, ct_image(**named), **columns))
        running.rest()
        arrived = [pacs.next() for _ in kinds]
    assert states(*items) == ["Delivered"] * 90
    assert [instance.sop_class_uid for instance in arrived] == kinds
    assert len({instance.association_id for instance in arrived}) == 2


def test_an_association_is_kept_for_the_next_batch_and_replaced_when_the_node_has_closed_it(tmp_path):
    connections = []

    def script(peer: ScriptedNode) -> None:
        connections.append(peer)
        peer.accept()
        request, _ = peer.receive_store()
        peer.respond(request)
        if len(connections) > 1:
            peer.answer_release()

    with scripted_node(script) as port, delivery(tmp_path, idle_association=5) as running:
        pacs = node(port, max_associations=1)
        first = running.image(pacs)
        running.rest()
        second = running.image(pacs)
        running.rest()
    assert states(first, second) == ["Delivered", "Delivered"]
    assert len(connections) == 2
    assert Attempt.objects.count() == 2
    assert status(pacs).last_failure_at is None


def test_two_deliverers_share_a_queue_without_sending_anything_twice(tmp_path):
    with (
        storage_node() as pacs,
        delivery(tmp_path, batch_size=3) as one,
        delivery(tmp_path, "host:2:test", batch_size=3) as other,
    ):
        pacs_node = node(pacs.port)
        items = [one.image(pacs_node) for _ in range(20)]
        while one.deliverer.step() | other.deliverer.step() | one.deliverer.busy | other.deliverer.busy:
            one.deliverer.idle(0.01)
    assert states(*items) == ["Delivered"] * 20
    assert sorted(pacs.instances) == sorted(item.sop_instance_uid for item in items)


@pytest.mark.fault(107)
def test_tls_never_falls_back_to_clear_text(tmp_path):
    made, other = certificate(tmp_path / "one"), certificate(tmp_path / "other")
    with running_scp(tmp_path / "pacs", tls=acceptor(made)) as pacs, delivery(tmp_path) as running:
        trusting = running.image(node(pacs.port, "ONE", tls=True, tls_ca=str(made[0])))
        doubting = running.image(node(pacs.port, "TWO", tls=True, tls_ca=str(other[0])))
        without = running.image(node(pacs.port, "THREE", tls=True, tls_ca=str(tmp_path / "missing.pem")))
        running.rest()
    assert states(trusting, doubting, without) == ["Delivered", "Prepared", "Prepared"]
    doubting.refresh_from_db()
    without.refresh_from_db()
    assert "the certificate does not hold" in doubting.last_error
    assert "missing.pem" in without.last_error
    assert pacs.stored.qsize() == 1
