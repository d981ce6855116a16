"""Rows follow files: what they say, that nothing is queued twice, and that no database stops a sender."""

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from pydicom.data import get_testdata_file

from routing.core.instance import ReceivedInstance
from routing.engine import pace, receive
from routing.engine.directory import Directory
from routing.engine.receive import RowWriter, enqueue, instance_in
from routing.models import HistoryEntry, QueueItem
from routing.spool import Spool
from scripts_app.core.dataset.file_meta import NotPart10
from tests.builders import CT_IMAGE, ct_image, node, received


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", "none")


@pytest.fixture(autouse=True)
def connection_of_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that runs in the test's thread must not end the connection that the test's transaction lives on."""
    monkeypatch.setattr(receive, "close_old_connections", lambda: None)


def directory() -> Directory:
    return Directory("CAPACITOR", "DCP_", age=0)


def queued(spool: Spool, *instances: ReceivedInstance, note: str = "") -> QueueItem:
    enqueue(instances, spool, directory(), actor="listener", note=note)
    return QueueItem.objects.get(id=instances[0].id)


@pytest.mark.django_db
def test_a_row_says_who_sent_what_to_whom_and_when(spool: Spool) -> None:
    pacs = node("PACS")
    instance = received(spool, called_ae_title="DCP_PACS")
    item = queued(spool, instance)
    assert (item.state, item.received_id, item.node, item.destination_ae_title) == ("New", item.id, pacs, "PACS")
    assert (item.source_ae_title, item.called_ae_title) == ("CT_1", "DCP_PACS")
    assert (item.peer_address, item.association_id) == ("192.0.2.1", "association-1")
    assert (item.sop_class_uid, item.sop_instance_uid) == (CT_IMAGE, "1.2.3.4.5")
    assert (item.study_instance_uid, item.series_instance_uid, item.modality) == ("1.2.3", "1.2.3.4", "CT")
    assert (item.patient_id, item.patient_name, item.accession_number) == ("T-1", "TEST^ANNA", "A-1")
    assert (item.size, item.dataset_offset) == (instance.size, instance.dataset_offset)
    assert item.created_at == item.not_before == instance.received_at
    assert (item.lease_owner, item.last_error, item.prepare_starts, item.attempt_count) == ("", "", 0, 0)
    history = HistoryEntry.objects.get(item=item)
    assert (history.event, history.from_state, history.to_state) == ("received", "", "New")
    assert (history.actor, history.at) == ("listener", instance.received_at)


@pytest.mark.django_db
def test_an_image_for_the_router_itself_waits_for_the_scripts(spool: Spool) -> None:
    item = queued(spool, received(spool, called_ae_title="CAPACITOR"))
    assert (item.state, item.node, item.destination_ae_title) == ("New", None, "CAPACITOR")


@pytest.mark.django_db
def test_an_image_whose_node_is_gone_fails_visibly(spool: Spool) -> None:
    item = queued(spool, received(spool, called_ae_title="GONE"))
    assert (item.state, item.node) == ("Failed", None)
    assert item.last_error == "no node answers to called AE title 'GONE'"
    assert HistoryEntry.objects.get(item=item).note == item.last_error


@pytest.mark.django_db
def test_an_image_that_arrives_for_a_node_just_disabled_is_kept_for_it(spool: Spool) -> None:
    off = node("OFF", enabled=False)
    assert queued(spool, received(spool, called_ae_title="OFF")).node == off


@pytest.mark.fault(41)
@pytest.mark.django_db
def test_hostile_texts_are_cut_and_stop_nobody(spool: Spool) -> None:
    node("PACS")
    element = bytes.fromhex("10002000") + b"LO" + (300).to_bytes(2, "little") + b"P\0\x1b[31m" + b"x" * 294
    hostile = received(
        spool,
        element,
        calling_ae_title="X" * 64,
        association_id="a\0" * 100,
        sop_instance_uid="9" * 128,
        peer_address="p" * 99,
    )
    good = received(spool)
    item = queued(spool, hostile, good)
    assert item.patient_id.startswith("P\x1b[31mxx")
    assert len(item.patient_id) == 64
    assert (item.source_ae_title, item.association_id) == ("X" * 16, "a" * 40)
    assert (item.sop_instance_uid, len(item.peer_address)) == ("9" * 128, 45)
    assert QueueItem.objects.filter(id=good.id).exists()


@pytest.mark.fault(30)
@pytest.mark.django_db
@pytest.mark.parametrize("dataset", [b"", b"\x08\x00", bytes(range(256)), ct_image()[:30]])
def test_a_data_set_that_cannot_be_read_still_has_its_row(spool: Spool, dataset: bytes) -> None:
    node("PACS")
    item = queued(spool, received(spool, dataset))
    assert (item.state, item.sop_instance_uid, item.patient_id) == ("New", "1.2.3.4.5", "")


@pytest.mark.django_db
def test_what_is_queued_already_stays_as_it_is(spool: Spool) -> None:
    node("PACS")
    first, second = received(spool), received(spool)
    assert enqueue([first], spool, directory(), actor="listener") == 1
    QueueItem.objects.update(state="Failed")
    assert enqueue([first, second], spool, directory(), actor="recovery") == 1
    assert QueueItem.objects.get(id=first.id).state == "Failed"
    assert HistoryEntry.objects.filter(item_id=first.id).count() == 1
    assert enqueue([], spool, directory(), actor="recovery") == 0


def test_a_file_alone_tells_what_the_listener_knew(spool: Spool) -> None:
    instance = received(spool, peer_address="2001:db8::1", association_id="association-9")
    assert instance_in(spool.path(instance.id), instance.id, with_checksum=True) == instance


def test_a_foreign_file_tells_what_its_standard_elements_say(spool: Spool, tmp_path: Path) -> None:
    instance = received(spool)
    spool.path(instance.id).write_bytes(Path(str(get_testdata_file("CT_small.dcm"))).read_bytes())
    found = instance_in(spool.path(instance.id), instance.id)
    assert (found.sop_class_uid, found.transfer_syntax_uid) == (CT_IMAGE, "1.2.840.10008.1.2.1")
    assert (found.peer_address, found.called_ae_title) == ("", "")
    # Its identifier tells when it was put there.
    assert abs(found.received_at - instance.received_at) < timedelta(minutes=1)


@pytest.mark.parametrize("noted", [b"2026-03-01T12:00:00", b"yesterday, noon...."])
def test_a_moment_that_cannot_be_read_is_that_of_the_identifier(spool: Spool, noted: bytes) -> None:
    instance = received(spool)
    path = spool.path(instance.id)
    content = path.read_bytes()
    written = instance.received_at.isoformat().encode()
    path.write_bytes(content.replace(written, noted.ljust(len(written), b" ")))
    found = instance_in(path, instance.id)
    assert found.received_at.tzinfo
    assert abs(found.received_at - instance.received_at) < timedelta(minutes=1)


@pytest.mark.parametrize("content", [b"", b"no DICOM at all", bytes(128) + b"DICM"])
def test_a_file_that_is_no_dicom_says_so(spool: Spool, content: bytes) -> None:
    instance = received(spool)
    spool.path(instance.id).write_bytes(content)
    with pytest.raises(NotPart10):
        instance_in(spool.path(instance.id), instance.id)


class Writer(RowWriter):
    """Runs in the test's own thread, so that it shares the test's connection."""

    def run_to_the_end(self) -> None:
        self._queue.put(None)
        while (batch := self._gather()) is not None and self._write(batch):
            pass


def writer(spool: Spool) -> tuple[Writer, list[str]]:
    woken: list[str] = []
    return Writer(spool, directory(), actor="listener", written=lambda: woken.append("woken")), woken


@pytest.mark.django_db
def test_instances_that_come_together_share_a_transaction_and_a_nudge(spool: Spool) -> None:
    node("PACS")
    rows, woken = writer(spool)
    for _ in range(5):
        rows.add(received(spool))
    rows.run_to_the_end()
    assert QueueItem.objects.filter(state="New").count() == 5
    assert woken == ["woken"]


@pytest.mark.django_db
def test_what_comes_alone_is_written_at_once_and_what_follows_waits_for_the_next_turn(
    spool: Spool, monkeypatch: Any
) -> None:
    rows, _ = writer(spool)
    slept: list[float] = []
    monkeypatch.setattr(receive.time, "sleep", slept.append)
    monkeypatch.setattr(pace.time, "monotonic", lambda: 100.0 + sum(slept))
    for _ in range(2):
        rows.add(received(spool))
        assert len(rows._gather() or ()) == 1
    assert slept == [0, pytest.approx(pace.GATHER)]


@pytest.mark.django_db
def test_a_full_batch_does_not_wait_for_more(spool: Spool, monkeypatch: Any) -> None:
    rows, _ = writer(spool)
    monkeypatch.setattr(receive.time, "sleep", lambda _: pytest.fail("waited"))
    monkeypatch.setattr(receive, "_BATCH", 2)
    instance = received(spool)
    for _ in range(7):
        rows.add(instance)
    assert [len(rows._gather() or ()) for _ in range(3)] == [2, 2, 2]


@pytest.mark.django_db
def test_while_the_database_is_away_instances_wait_and_are_tried_again(spool: Spool, monkeypatch: Any) -> None:
    node("PACS")
    rows, woken = writer(spool)
    away = [OperationalError("away\nDETAIL: Failing row contains (DOE^JANE)")] * 3

    def back_later(*arguments: Any, **options: Any) -> int:
        _once(away)
        return enqueue(*arguments, **options)

    monkeypatch.setattr(receive, "enqueue", back_later)
    monkeypatch.setattr(rows, "_stopping", Patience())
    instance = received(spool)
    rows.add(instance)
    rows.run_to_the_end()
    assert QueueItem.objects.get().id == instance.id
    assert rows._stopping.waits == [0.1, 0.2, 0.4]  # type: ignore[attr-defined]
    assert woken == ["woken"]


def _once(errors: list[OperationalError]) -> None:
    if errors:
        raise errors.pop()


class Patience:
    """An event that nobody sets; tells how long it would have been waited for."""

    def __init__(self, *, stopped: bool = False) -> None:
        self.waits: list[float] = []
        self._stopped = stopped

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        return self._stopped


@pytest.mark.django_db
def test_a_stop_does_not_wait_for_a_database_that_is_away(spool: Spool, monkeypatch: Any) -> None:
    rows, woken = writer(spool)
    tried = []

    def away(instances: Any, *_: Any, **__: Any) -> int:
        tried.append(len(instances))
        raise OperationalError("away")

    monkeypatch.setattr(receive, "enqueue", away)
    monkeypatch.setattr(receive, "_BATCH", 2)
    monkeypatch.setattr(rows, "_stopping", Patience(stopped=True))
    for _ in range(6):
        rows.add(received(spool))
    rows.run_to_the_end()
    assert tried == [2]
    assert woken == []


@pytest.mark.django_db
def test_patient_data_in_a_database_error_is_not_logged(spool: Spool, monkeypatch: Any, caplog: Any) -> None:
    rows, _ = writer(spool)
    error = OperationalError("refused\nDETAIL:  Failing row contains (1, DOE^JANE)")
    monkeypatch.setattr(receive, "enqueue", lambda *_, **__: _once([error]))
    monkeypatch.setattr(rows, "_stopping", Patience(stopped=True))
    rows.add(received(spool))
    rows.run_to_the_end()
    assert "1 received instances, which are safe in the spool: refused" in caplog.text
    assert "DOE" not in caplog.text


@pytest.mark.django_db(transaction=True)
def test_the_thread_writes_and_ends_when_it_is_stopped(spool: Spool) -> None:
    node("PACS")
    written = threading.Event()
    rows = RowWriter(spool, directory(), actor="listener", written=written.set)
    rows.start()
    instance = received(spool)
    rows.add(instance)
    assert written.wait(30)
    assert rows.alive
    last = received(spool)
    rows.add(last)
    rows.stop()
    assert not rows.alive
    assert rows.failed is None
    assert set(QueueItem.objects.values_list("id", flat=True)) == {instance.id, last.id}
    connection.close()


@pytest.mark.django_db
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_dies_tells_its_listener(spool: Spool, monkeypatch: Any) -> None:
    def fault(*_: Any, **__: Any) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(receive, "enqueue", fault)
    rows = RowWriter(spool, directory(), actor="listener", written=lambda: None)
    rows.start()
    rows.add(received(spool))
    rows._thread.join(30)
    assert not rows.alive
    assert isinstance(rows.failed, ZeroDivisionError)
