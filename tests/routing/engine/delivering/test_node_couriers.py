"""The threads that send to one node."""

import queue
import threading
import time
from dataclasses import replace

import pytest

from routing.engine.delivering import node_couriers
from routing.engine.delivering.node_couriers import NodeCouriers
from routing.engine.delivering.outgoing import Outgoing
from routing.engine.delivering.reports import Answered, Faulty, Report, Returned, Unreachable
from routing.engine.nodes.target import DeliverySettings, target_of
from routing.queue.claims import Deliverable
from routing.spool.spool import Spool
from tests.routing.dicom.nodes import scripted_node
from tests.routing.dicom.peers import CT_IMAGE, EXPLICIT, PATIENCE
from tests.routing.engine.delivering.delivery import node

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


def item(number: int, size: int = 0) -> Deliverable:
    return Deliverable(number, number, "CT_1", CT_IMAGE, f"1.2.{number}", EXPLICIT, 0, size, None, "", 0)


class Told:
    """Couriers of a node that nobody answers for, and what they told."""

    def __init__(self, folder, **columns) -> None:
        with scripted_node(lambda peer: None) as port:
            self.target = target_of(node(port, **columns), DeliverySettings(batch_size=2, idle_association=0.05))
        self.spool = Spool(folder, "none")
        self.reports: queue.Queue[Report] = queue.Queue()
        self.room_when_told: list[int] = []
        self.couriers = NodeCouriers(self.target, Outgoing(self.spool), lambda item_id, status: None, self.report)

    def report(self, report) -> None:
        self.room_when_told.append(self.couriers.room())
        self.reports.put(report)

    def next(self):
        return self.reports.get(timeout=PATIENCE)

    def waiting(self, number: int) -> Deliverable:
        part = self.spool.begin(number)
        part.write([b"data"])
        part.commit()
        return item(number, 4)


def test_when_a_node_is_in_trouble_nothing_more_is_taken_until_that_is_recorded(tmp_path):
    told = Told(tmp_path, max_associations=1)
    assert told.couriers.room() == 2
    told.couriers.give([told.waiting(1)])
    assert isinstance(told.next(), Unreachable)
    assert told.room_when_told == [0]
    told.couriers.stop()
    assert told.couriers.join(time.monotonic() + PATIENCE)
    assert told.couriers.room() == 0


def test_what_lies_ready_when_a_node_is_in_trouble_goes_back_and_is_not_sent_as_well(tmp_path):
    class OneMore(Told):
        def report(self, report) -> None:
            if report.items[0].id == 1:
                self.couriers.give([self.waiting(2)])
            super().report(report)

    told = OneMore(tmp_path, max_associations=1)
    told.couriers.give([told.waiting(1)])
    came = [told.next(), told.next()]
    assert [(type(report), report.items[0].id) for report in came] == [(Unreachable, 1), (Returned, 2)]
    told.couriers.stop()
    assert told.couriers.join(time.monotonic() + PATIENCE)
    assert told.reports.empty(), "whoever has taken it up meanwhile sends it, too"


def test_nothing_is_tried_behind_a_closed_gate(tmp_path):
    told = Told(tmp_path)
    told.couriers.set_open(False)
    told.couriers.give([told.waiting(1), told.waiting(2)])
    report = told.next()
    assert isinstance(report, Returned)
    assert [item.id for item in report.items] == [1, 2]


def test_each_item_comes_back_in_exactly_one_report(tmp_path):
    told = Told(tmp_path, max_associations=1)
    told.couriers.give([item(1), told.waiting(2)])
    assert [type(told.next()), type(told.next())] == [Faulty, Unreachable]
    assert told.reports.empty()


def test_a_node_that_failed_last_time_gets_a_single_batch(tmp_path):
    told = Told(tmp_path, max_associations=4)
    told.couriers.set_open(False)
    told.couriers.target = replace(told.target, failures_in_a_row=1)
    told.couriers.set_open(True)
    assert told.couriers.room() == 2
    told.couriers.give([item(1), item(2)])
    assert [type(told.next()), type(told.next())] == [Faulty, Faulty]
    assert told.room_when_told == [0, 0]


@pytest.mark.parametrize(("just_now", "outcome"), [(3600, Returned), (0, Unreachable)])
def test_a_node_may_be_late_to_notice_that_an_association_has_ended(tmp_path, monkeypatch, just_now, outcome):
    connections = []

    def takes_the_first(peer):
        connections.append(peer)
        if len(connections) > 1:
            peer.turn_away()
            return
        peer.accept()
        request, _ = peer.receive_store()
        peer.respond(request)
        peer.answer_release()

    monkeypatch.setattr(node_couriers, "_JUST_NOW", just_now)
    with scripted_node(takes_the_first) as port:
        told = Told(tmp_path, max_associations=1)
        told.couriers.target = target_of(node(port, "LATE"), DeliverySettings(idle_association=0))
        told.couriers.give([told.waiting(1)])
        assert isinstance(told.next(), Answered)
        assert told.couriers.join(time.monotonic() + PATIENCE)
        told.couriers.give([told.waiting(2)])
        assert isinstance(told.next(), outcome)
        told.couriers.stop()
        assert told.couriers.join(time.monotonic() + PATIENCE)


def test_a_node_that_takes_one_association_at_a_time_is_not_kept_waiting_for_an_idle_one(tmp_path):
    given = threading.Event()

    def one_at_a_time(peer):
        peer.accept()
        request, _ = peer.receive_store()
        given.wait(PATIENCE)
        peer.respond(request)
        peer.answer_release()

    with scripted_node(one_at_a_time) as port:
        told = Told(tmp_path, max_associations=2)
        settings = DeliverySettings(idle_association=3600, acse_timeout=PATIENCE)
        told.couriers.target = target_of(node(port, "ONE_ONLY"), settings)
        told.couriers.give([told.waiting(1)])
        told.couriers.give([told.waiting(2)])
        given.set()
        assert [type(told.next()), type(told.next())] == [Answered, Answered]
        told.couriers.stop()
        assert told.couriers.join(time.monotonic() + PATIENCE)


def test_a_node_that_is_gone_has_failed_however_lately_it_had_an_association(tmp_path):
    told = Told(tmp_path, max_associations=1)
    told.couriers._note_end(True)
    told.couriers.give([told.waiting(1)])
    assert isinstance(told.next(), Unreachable)
    told.couriers.stop()
    assert told.couriers.join(time.monotonic() + PATIENCE)
