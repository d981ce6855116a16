"""The next image that somebody waits for: the first that matches, copied, and nothing else touched."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pydicom import dcmread
from pydicom.filebase import DicomBytesIO

from routing.core.identifiers import first_at
from routing.engine.housekeeping import samples
from routing.engine.housekeeping.process import Housekeeper
from routing.engine.housekeeping.samples import look_for_captures
from routing.models import AuditRecord, QueueItem
from scripts_app.models import SampleCapture, ScriptSample
from scripts_app.trying.kept_samples import MOST_BYTES
from tests.builders import ct_image, queue_item, received

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


def condition(tag, pattern):
    columns = {"search": False, "sequence_items": [], "private_tag_creator": ""}
    return {"tag": tag, "match_expression": pattern, **columns}


def waiting(*conditions, ago=timedelta(seconds=5), **columns):
    now = timezone.now()
    values = {"name": "next MR", "deidentify": False, "expires_at": now + timedelta(hours=1), "created_by": "anna"}
    values |= {"looked_until": first_at(now - ago), "conditions": list(conditions)}
    return SampleCapture.objects.create(**(values | columns))


def arrived(spool, ago=0, content=None, columns=None, **elements):
    """An image that came in so many seconds ago."""
    identifier = first_at(timezone.now() - timedelta(seconds=ago))
    kept = received(spool, ct_image(**elements) if content is None else content, identifier=identifier)
    values = {"size": kept.size, "called_ae_title": "PACS", "source_ae_title": "CT_1", **(columns or {})}
    return queue_item(id=identifier, received_id=identifier, **values)


def read(sample):
    return dcmread(DicomBytesIO(bytes(sample.image)))


def test_the_first_that_matches_becomes_a_sample_and_those_before_count(spool):
    capture = waiting(condition("Modality", "MR"))
    arrived(spool, 3, Modality="CT")
    arrived(spool, 2, Modality="MR", PatientID="FIRST")
    arrived(spool, 1, Modality="MR", PatientID="SECOND")
    look_for_captures(spool)
    (sample,) = ScriptSample.objects.all()
    assert read(sample).PatientID == "FIRST"
    assert (sample.name, sample.created_by, sample.deidentified) == ("next MR", "anna", False)
    assert (sample.source_ae_title, sample.destination_ae_title) == ("CT_1", "PACS")
    assert SampleCapture.objects.get() == capture
    assert SampleCapture.objects.get().sample == sample
    look_for_captures(spool)
    assert ScriptSample.objects.count() == 1
    (note,) = AuditRecord.objects.all()
    assert (note.actor, note.action) == ("anna", "capture sample")


def test_it_is_de_identified_where_that_was_asked(spool):
    waiting(deidentify=True)
    arrived(spool, PatientName="TELLTALE^ANNA")
    look_for_captures(spool)
    sample = ScriptSample.objects.get()
    assert b"TELLTALE" not in bytes(sample.image)
    assert sample.deidentified
    assert "values replaced" in sample.note


def test_the_item_is_left_as_it_was(spool):
    waiting()
    item = arrived(spool)
    before, file = QueueItem.objects.values().get(), spool.path(item.id).read_bytes()
    look_for_captures(spool)
    assert ScriptSample.objects.exists()
    assert QueueItem.objects.values().get() == before
    assert spool.path(item.id).read_bytes() == file


@pytest.mark.parametrize(
    ("capture", "columns"),
    [
        ({"source_ae_title": "MR_1"}, {}),
        ({"called_ae_title": "ARCHIVE"}, {}),
        ({"ago": timedelta(seconds=-5)}, {}),
        ({"expires_at": timezone.now()}, {}),
        ({}, {"size": MOST_BYTES + 1}),
        ({}, {"received_id": 1}),
    ],
    ids=["another sender", "another title", "before the wait", "too late", "too large", "a copy"],
)
def test_what_was_not_waited_for_is_not_taken(spool, capture, columns):
    waiting(**capture)
    item = arrived(spool, columns={key: value for key, value in columns.items() if key != "received_id"})
    QueueItem.objects.filter(pk=item.pk).update(**{"received_id": item.pk, **columns})
    look_for_captures(spool)
    assert not ScriptSample.objects.exists()


def test_an_image_whose_row_came_late_is_looked_at_all_the_same(spool):
    waiting(condition("Modality", "MR"))
    arrived(spool, 1, Modality="CT")
    look_for_captures(spool)
    arrived(spool, 2, Modality="MR")
    look_for_captures(spool)
    assert ScriptSample.objects.exists()


def test_more_images_than_one_look_goes_through_are_looked_at_next_time(spool, monkeypatch):
    monkeypatch.setattr(samples, "_MOST_ITEMS", 2)
    waiting(condition("Modality", "MR"), ago=timedelta(seconds=100))
    for ago in (90, 80, 70):
        arrived(spool, ago, Modality="CT")
    arrived(spool, 60, Modality="MR")
    look_for_captures(spool)
    assert SampleCapture.objects.get().looked_at == 2
    look_for_captures(spool)
    assert ScriptSample.objects.exists()


def test_a_file_that_nobody_can_read_is_passed_over(spool):
    waiting(condition("Modality", "CT"))
    arrived(spool, 2, b"no data set at all")
    arrived(spool, 1)
    look_for_captures(spool)
    assert ScriptSample.objects.exists()


def test_a_name_that_was_taken_meanwhile_ends_the_wait_and_says_so(spool):
    waiting()
    ScriptSample.objects.create(name="next MR", image=b"", size=0, about="", source_ae_title="A", created_by="b")
    arrived(spool)
    look_for_captures(spool)
    assert "already" in SampleCapture.objects.get().problem


def test_conditions_that_never_come_to_an_end_end_the_wait(spool, monkeypatch):
    monkeypatch.setattr("routing.engine.reading.file_reader._SECONDS", 1.0)
    waiting(condition("ImageComments", "^(x+x+)+y$"))
    arrived(spool, ImageComments="x" * 60)
    look_for_captures(spool)
    assert "longer than 1 seconds" in SampleCapture.objects.get().problem


def test_while_nobody_waits_it_costs_one_query(spool, django_assert_num_queries):
    arrived(spool)
    with django_assert_num_queries(1):
        look_for_captures(spool)


def test_housekeeping_looks(spool, tmp_path, monkeypatch):
    from dataclasses import replace

    from django.conf import settings

    monkeypatch.setattr(settings, "CAPACITOR", replace(settings.CAPACITOR, data_dir=tmp_path, durable="none"))
    waiting()
    arrived(spool)
    Housekeeper("host:1:me").step()
    assert ScriptSample.objects.exists()
