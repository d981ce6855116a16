"""A test image is an ordinary file in the spool and a prepared item of its node."""

import dataclasses

import pytest
from django.conf import settings
from pydicom import dcmread

from routing.models import HistoryEntry, QueueItem
from routing.operating.probe_image import PATIENT_ID, send_probe_image
from routing.queue.spool import open_spool
from tests.builders import node

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def spool(monkeypatch, tmp_path):
    changed = dataclasses.replace(settings.CAPACITOR, data_dir=tmp_path, durable="none")
    monkeypatch.setattr(settings, "CAPACITOR", changed)
    return open_spool()


def test_it_waits_for_its_node_as_prepared_with_a_valid_file(spool):
    pacs = node("PACS")
    item = QueueItem.objects.get(pk=send_probe_image(pacs, "olga"))
    assert (item.state, item.node_id, item.destination_ae_title) == ("Prepared", pacs.pk, "PACS")
    assert (item.source_ae_title, item.patient_id, item.modality) == ("CAPACITOR", PATIENT_ID, "OT")
    image = dcmread(spool.path(item.pk))
    assert image.SOPInstanceUID == item.sop_instance_uid
    assert image.pixel_array.shape == (128, 128)
    assert spool.path(item.pk).stat().st_size == item.size
    moves = HistoryEntry.objects.filter(item=item).values_list("event", "to_state", "actor")
    assert list(moves) == [("test image", "Prepared", "olga")]


def test_two_test_images_are_two_studies():
    pacs = node("PACS")
    first, second = (QueueItem.objects.get(pk=send_probe_image(pacs, "olga")) for _ in range(2))
    assert first.study_instance_uid != second.study_instance_uid
