"""The file of an item in the browser: for those who may see it, as much as they may, and never as markup."""

import errno
import io
import os
import re
import zlib
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from django.core.cache import cache
from django.utils import timezone
from PIL import Image

from routing.models import AuditRecord, QueueItem
from routing.spool.spool import Spool
from routing.templatetags.address_tags import study_address
from scripts_app.core.dataset.document import Document
from tests.builders import EXPLICIT, ct_image, queue_item, received
from tests.images import image, write
from tests.pages.people import HTMX, visitor, words
from tests.pages.test_hostile_values import ATTRIBUTE, MARKUP, SCRIPT, alive

pytestmark = pytest.mark.django_db
HIDDEN = ("MUSTER", "ERIKA", "P-4711", "ACME")


@pytest.fixture
def spool(settings, tmp_path):
    settings.CAPACITOR = replace(settings.CAPACITOR, data_dir=tmp_path)
    cache.clear()
    return Spool(tmp_path / "spool", "none")


def item_of(spool, content=None, syntax=EXPLICIT, **columns):
    """An item with a file in the spool."""
    content = ct_image(PatientName="MUSTER^ERIKA", PatientID="P-4711") if content is None else content
    instance = received(spool, content, syntax=syntax)
    found = {"received_id": instance.id, "size": instance.size, "dataset_offset": instance.dataset_offset}
    return queue_item(columns.pop("state", "Prepared"), id=instance.id, **(found | columns))


def edited(spool, **elements):
    """An item whose scripts have set elements."""
    item = item_of(spool)
    with Document.open(spool.path(item.pk)) as document:
        for keyword, value in elements.items():
            document.root.set(keyword, value)
        recipe = document.recipe()
    QueueItem.objects.filter(pk=item.pk).update(recipe=recipe.dumps(), prepared_at=timezone.now())
    return item


def picture_item(spool, tmp_path, **elements):
    """An item with an image that can be drawn."""
    path = write(image("CT", rows=32, columns=16, **elements), tmp_path / "image.dcm")
    with path.open("rb") as file:
        offset = Document.open(path)._dataset.start
        file.seek(offset)
        return item_of(spool, file.read())


def elements(item, client=None, **query):
    return words((client or visitor(phi=True)).get(f"/queue/{item.pk}/elements/", query, headers=HTMX))


def test_all_elements_are_told_as_received_and_as_sent(spool):
    item = edited(spool, PatientName="ANON^7", StudyDescription="HEAD")
    as_received, as_sent = elements(item), elements(item, **{"as": "sent"})
    assert "0010,0010 PatientName PN MUSTER^ERIKA" in as_received
    assert "StudyDescription" not in as_received
    assert "0010,0010 PatientName PN ANON^7" in as_sent
    assert "0008,1030 StudyDescription LO HEAD" in as_sent
    assert "0008,0016 SOPClassUID UI 1.2.840.10008.5.1.4.1.1.2 CT Image Storage" in as_sent


def test_a_search_among_the_elements_finds_by_name_and_value(spool):
    item = item_of(spool)
    assert "1 element found" in elements(item, find="erika")
    assert "SeriesInstanceUID" not in elements(item, find="erika")
    assert "No element holds “nothing of it”" in elements(item, find="nothing of it")


def test_without_the_right_elements_have_names_but_no_values(spool):
    item = edited(spool, PatientName="ANON^7")
    client = visitor("operator")
    for query in ({}, {"as": "sent"}, {"find": "Patient"}):
        told = elements(item, client, **query)
        assert "0010,0010 PatientName PN •••" in told
        assert not any(text in told for text in (*HIDDEN, "ANON^7"))
    assert "values are not searched" in elements(item, client, find="MUSTER")


@pytest.mark.fault(114, "in the elements of a file")
@pytest.mark.parametrize("text", [MARKUP, ATTRIBUTE, SCRIPT], ids=["markup", "attribute", "script"])
def test_hostile_values_stay_text_in_the_elements(spool, text):
    item = item_of(spool, ct_image(PatientComments=text, PatientName=text[:60]))
    for query in ({}, {"find": text}):
        for headers in (HTMX, {}):
            answer = visitor(phi=True).get(f"/queue/{item.pk}/elements/", query, headers=headers)
            assert alive(answer) == []
            assert re.search("&lt;|&quot;", answer.content.decode())


@pytest.mark.parametrize("url", ["elements/", "elements/?as=sent", "preview/", "image/", "file/"])
def test_a_file_that_is_gone_is_said_to_be(spool, url):
    item = item_of(spool, purged_at=timezone.now())
    answer = visitor(phi=True).get(f"/queue/{item.pk}/{url}", headers=HTMX)
    assert answer.status_code == {"image/": 422, "file/": 404}.get(url, 200)
    if url != "file/":
        assert "has been removed" in answer.content.decode()


@pytest.mark.parametrize("opened", [1, 2])
def test_a_file_that_the_disk_does_not_give_is_said_to_be_unreadable(spool, monkeypatch, opened):
    item, really, times = item_of(spool), Path.open, []

    def read(path, *mode, **how):
        if path == spool.path(item.pk):
            # Its head can be read, and what is behind it cannot.
            times.append(path)
            if len(times) == opened:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
        return really(path, *mode, **how)

    monkeypatch.setattr(Path, "open", read)
    answer = visitor(phi=True).get(f"/queue/{item.pk}/file/")
    assert (answer.status_code, len(times)) == (404, opened)
    assert not AuditRecord.objects.filter(action="download").exists()


def test_what_is_sent_is_not_known_before_the_scripts_have_finished(spool):
    item = item_of(spool)
    assert "known once the scripts have finished it" in elements(item, **{"as": "sent"})
    assert visitor(phi=True).get(f"/queue/{item.pk}/file/?as=sent").status_code == 404


def test_a_damaged_file_says_so_and_quotes_nothing_to_those_who_may_not_see(spool):
    item = item_of(spool, b"\x10\x00\x10\x00MUSTER^ERIKA")
    assert "cannot be" in elements(item)
    told = elements(item, visitor("operator"))
    assert "the file is damaged" in told
    assert not any(text in told for text in HIDDEN)


def test_a_file_that_has_to_be_rewritten_to_be_read_says_so(spool):
    item = item_of(spool, zlib.compress(ct_image(), wbits=-15), syntax="1.2.840.10008.1.2.1.99")
    assert "had to be rewritten to be read" in elements(item)
    assert not list((spool.root / "prepared").iterdir())


def test_elements_out_of_order_are_told_as_they_stand_and_one_that_stands_twice_is_told(spool):
    content = ct_image()
    head = content.index(b"\x10\x00\x10\x00")
    told = elements(item_of(spool, content[head:] + content[:head]))
    assert "rewritten" not in told
    assert told.index("PatientName") < told.index("SOPInstanceUID")
    assert "The elements cannot be read: 0010,0010 stands there twice" in elements(
        item_of(spool, content + content[head : head + 8] + bytes(content[head + 6]))
    )


def test_a_picture_is_drawn_with_its_frames(spool, tmp_path):
    item = picture_item(spool, tmp_path, NumberOfFrames=2, PixelData=bytes(1024) + bytes(range(256)) * 4)
    answer = visitor(phi=True).get(f"/queue/{item.pk}/preview/?frame=2", headers=HTMX)
    assert "Frame" in words(answer)
    assert "of 2" in words(answer)
    assert "32 pixels, stretched, as it names no window" in words(answer)
    alone = visitor(phi=True).get(f"/queue/{item.pk}/image/?frame=2")
    assert (alone["Content-Type"], alone["Cache-Control"]) == ("image/png", "no-store")
    assert alone["X-Content-Type-Options"] == "nosniff"
    assert Image.open(io.BytesIO(alone.content)).size == (16, 32)


def test_what_holds_no_image_says_so(spool):
    item = item_of(spool)
    told = words(visitor(phi=True).get(f"/queue/{item.pk}/preview/", headers=HTMX))
    assert "No picture. There is no image in it: CT Image Storage." in told


@pytest.mark.fault(40)
@pytest.mark.parametrize("form", ["received", "sent"])
def test_the_file_is_downloaded_as_it_came_or_as_it_is_sent_and_the_audit_log_says_by_whom(spool, form):
    item = edited(spool, PatientID="HOSP-1")
    answer = visitor(phi=True).get(f"/queue/{item.pk}/file/?as={form}")
    content = b"".join(answer.streaming_content)
    assert int(answer["Content-Length"]) == len(content)
    assert answer["Content-Disposition"] == f'attachment; filename="{item.pk}-{form}.dcm"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert content[:132] == bytes(128) + b"DICM"
    dataset = pydicom.dcmread(io.BytesIO(content))
    assert dataset.PatientID == {"received": "P-4711", "sent": "HOSP-1"}[form]
    assert b"192.0.2.1" not in content
    record = AuditRecord.objects.get(action="download")
    assert (record.actor, record.object, record.detail) == ("the viewer", f"item {item.pk}", {"form": form})


@pytest.mark.parametrize("url", ["preview/", "image/", "file/"])
def test_pixels_and_files_are_only_for_those_who_may_see_patient_data(spool, url):
    item = item_of(spool)
    for role in ("viewer", "operator", "script author"):
        assert visitor(role).get(f"/queue/{item.pk}/{url}").status_code == 403
    assert not AuditRecord.objects.filter(action="download").exists()
    page = visitor("operator").get(f"/queue/{item.pk}/").content.decode()
    assert f"/queue/{item.pk}/{url}" not in page


def test_whoever_sees_patient_data_of_an_item_is_noted_once_an_hour(spool):
    item, other = queue_item(), queue_item()
    client = visitor(phi=True)
    for _ in range(3):
        client.get(f"/queue/{item.pk}/")
        client.get(f"/queue/{item.pk}/", headers=HTMX)
    client.get(f"/queue/{item.pk}/elements/", headers=HTMX)
    client.get(f"/queue/{other.pk}/elements/", headers=HTMX)
    visitor("operator").get(f"/queue/{item.pk}/")
    noted = AuditRecord.objects.filter(action="viewed item").order_by("id").values_list("actor", "object")
    assert list(noted) == [("the viewer", f"item {item.pk}"), ("the viewer", f"item {other.pk}")]


@pytest.mark.usefixtures("spool")
@pytest.mark.parametrize("uid", ["1.2.3", "a b\n" * 30])
def test_whoever_sees_patient_data_of_a_study_is_noted_too(uid):
    queue_item(study_instance_uid=uid)
    for phi in (False, True):
        visitor(phi=phi).get(study_address(uid))
        visitor(phi=phi).get("/studies/1.2.3/")
    assert AuditRecord.objects.filter(action="viewed study").count() == (uid == "1.2.3")


def test_neighbours_are_those_of_the_filter_that_a_person_came_from():
    first, second, third = (queue_item("Failed", modality=modality) for modality in ("CT", "MR", "CT"))
    page = visitor().get(f"/queue/{second.pk}/").content.decode()
    assert f'rel="prev" href="/queue/{third.pk}/"' in page
    assert f'rel="next" href="/queue/{first.pk}/"' in page
    page = visitor().get(f"/queue/{third.pk}/?state=Failed&modality=CT&before=9").content.decode()
    assert f'rel="next" href="/queue/{first.pk}/?state=Failed&amp;modality=CT"' in page
    assert 'rel="prev"' not in page
    assert 'href="/queue/?state=Failed&amp;modality=CT"' in page


def test_a_hidden_value_cannot_be_found_out_by_its_neighbours():
    queue_item(patient_name="SECRET^ANNA")
    item = queue_item(patient_name="OTHER^ONE")
    page = visitor().get(f"/queue/{item.pk}/?q=SECRET").content.decode()
    assert 'rel="next"' not in page
