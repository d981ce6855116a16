"""Rows follow files: what they say, and that nothing is queued twice."""

from datetime import timedelta
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from routing.core.instance import ReceivedInstance
from routing.engine.directory import Directory
from routing.engine.receiving.receive import AsItCame, enqueue, instance_in
from routing.models import HistoryEntry, QueueItem
from routing.spool.spool import Spool
from scripts_app.core.dataset.file_meta import NotPart10
from scripts_app.models import ScriptVersion
from tests.builders import CT_IMAGE, ct_image, node, received


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


@pytest.mark.django_db
def test_without_scripts_an_image_is_ready_as_it_came_and_its_history_says_both(spool: Spool) -> None:
    pacs = node("PACS", process_delay=1500)
    version = ScriptVersion.objects.create(sha256="0" * 64, content={})
    ready = AsItCame(version.id, timedelta(seconds=9))
    enqueue([received(spool)], spool, directory(), actor="listener", ready=ready)
    item = QueueItem.objects.get()
    assert (item.state, item.node, item.script_version, item.recipe) == ("Prepared", pacs, version, None)
    assert item.prepared_at is not None
    assert item.not_before - item.prepared_at == timedelta(seconds=1.5)
    steps = HistoryEntry.objects.filter(item=item).order_by("id").values_list("event", "from_state", "to_state", "at")
    assert list(steps) == [
        ("received", "", "New", item.created_at),
        ("prepared", "New", "Prepared", item.prepared_at),
    ]


@pytest.mark.django_db
def test_a_node_without_a_delay_of_its_own_has_that_of_the_setting(spool: Spool) -> None:
    node("PACS")
    enqueue([received(spool)], spool, directory(), actor="listener", ready=AsItCame(None, timedelta(seconds=9)))
    item = QueueItem.objects.get()
    assert item.prepared_at is not None
    assert item.not_before - item.prepared_at == timedelta(seconds=9)


@pytest.mark.django_db
@pytest.mark.parametrize(("called", "state"), [("CAPACITOR", "New"), ("GONE", "Failed")])
def test_what_has_no_node_is_not_ready_even_without_scripts(spool: Spool, called: str, state: str) -> None:
    instance = received(spool, called_ae_title=called)
    enqueue([instance], spool, directory(), actor="listener", ready=AsItCame(None, timedelta(0)))
    item = QueueItem.objects.get()
    assert (item.state, item.prepared_at, item.not_before) == (state, None, instance.received_at)
    assert HistoryEntry.objects.get(item=item).to_state == state


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


# As long as what stood there: behind spaces the first would be no moment at all.
@pytest.mark.parametrize("noted", [b"2026-03-01T12:00:00.000000000000", b"yesterday, noon................."])
def test_a_moment_that_cannot_be_read_or_has_no_zone_is_that_of_the_identifier(spool: Spool, noted: bytes) -> None:
    instance = received(spool)
    path = spool.path(instance.id)
    content = path.read_bytes()
    written = instance.received_at.isoformat().encode()
    path.write_bytes(content.replace(written, noted))
    found = instance_in(path, instance.id)
    assert found.received_at.tzinfo
    assert abs(found.received_at - instance.received_at) < timedelta(minutes=1)


@pytest.mark.parametrize("content", [b"", b"no DICOM at all", bytes(128) + b"DICM"])
def test_a_file_that_is_no_dicom_says_so(spool: Spool, content: bytes) -> None:
    instance = received(spool)
    spool.path(instance.id).write_bytes(content)
    with pytest.raises(NotPart10):
        instance_in(spool.path(instance.id), instance.id)
