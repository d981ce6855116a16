"""Large images for several nodes: together they take no more memory than those that have a turn."""

import threading

import pytest

from routing.engine.delivering import courier
from routing.engine.transcoding import turns
from routing.engine.transcoding.transcode import Transcoder
from tests.routing.dicom.peers import CT_IMAGE, IMPLICIT
from tests.routing.engine.delivering.delivery import delivery, node, storage_node

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


@pytest.fixture(autouse=True)
def one_turn_for_any_size(tmp_path, monkeypatch):
    monkeypatch.setattr(courier, "run_folder", lambda: tmp_path)
    monkeypatch.setattr(turns, "MOST", 1)
    monkeypatch.setattr(turns, "LARGE", 0)


def test_one_at_a_time_is_transcoded_where_there_is_one_turn_and_all_arrive(tmp_path, monkeypatch):
    """Each association of each node had a process of its own, with a limit of memory of its own."""
    transcode, at_once, most, lock = Transcoder.transcode, [0], [0], threading.Lock()
    another = threading.Event()

    def counted(*arguments):
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
            if at_once[0] > 1:
                another.set()
        # Time enough for another one to begin where nothing keeps it.
        another.wait(1)
        yield from transcode(*arguments)
        with lock:
            at_once[0] -= 1

    monkeypatch.setattr(Transcoder, "transcode", counted)
    only_implicit = [(CT_IMAGE, IMPLICIT)]
    with (
        storage_node(contexts=only_implicit) as one,
        storage_node(contexts=only_implicit) as other,
        delivery(tmp_path) as running,
    ):
        items = [running.image(node(one.port, "ONE")), running.image(node(other.port, "OTHER"))]
        running.rest()
    for item in items:
        item.refresh_from_db()
    assert [item.state for item in items] == ["Delivered", "Delivered"]
    assert (len(one.arrived), len(other.arrived), most) == (1, 1, [1])


def test_what_waits_for_its_turn_when_the_service_ends_is_given_back_untried(tmp_path, monkeypatch):
    waits = threading.Event()
    monkeypatch.setattr(turns, "pause", lambda seconds: waits.set())
    with (
        turns.turn(tmp_path, turns.LARGE, lambda: True),
        storage_node(contexts=[(CT_IMAGE, IMPLICIT)]) as pacs,
        delivery(tmp_path) as running,
    ):
        item = running.image(node(pacs.port))
        running.until(waits.is_set)
        running.stop()
    item.refresh_from_db()
    assert (item.state, item.attempt_count, item.lease_owner, item.last_error) == ("Prepared", 0, "", "")
    assert not pacs.arrived
