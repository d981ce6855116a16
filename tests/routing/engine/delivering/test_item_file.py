"""The file of an item for a person: as it came, as it is sent, or why there is none."""

import io

import pydicom
import pytest
from django.utils import timezone

from routing.engine.delivering.item_file import Form, NoSuchFile, item_file
from routing.models import QueueItem
from routing.spool.prepared import PreparedFiles
from scripts_app.core.dataset.document import Document
from tests.builders import CT_IMAGE, EXPLICIT, ct_image, queue_item, received
from tests.images import image, write

pytestmark = pytest.mark.django_db


def item_of(instance, **columns):
    found = {"received_id": instance.id, "size": instance.size, "dataset_offset": instance.dataset_offset}
    queue_item(id=columns.pop("id", instance.id), **(found | columns))
    return QueueItem.objects.latest("id")


def content(item, spool, form):
    file = item_file(item, spool, form)
    made = b"".join(file.content())
    assert file.length() == len(made)
    return made


@pytest.mark.parametrize("form", list(Form))
def test_what_no_script_changed_is_the_data_set_as_it_came(spool, form):
    sent = ct_image(PatientName="TEST^ANNA")
    item = item_of(received(spool, sent), prepared_at=timezone.now())
    assert content(item, spool, form)[-len(sent) :] == sent


def test_a_copy_has_the_file_of_the_image_it_was_made_from_with_its_own_edits(spool):
    instance = received(spool)
    item_of(instance)
    with Document.open(spool.path(instance.id)) as document:
        document.root.set("PatientName", "ANON^7")
        document.root.set("SOPInstanceUID", "9.9")
        recipe = document.recipe().dumps()
    copy = item_of(
        instance, id=instance.id + 5, received_id=instance.id, recipe=recipe, prepared_at=timezone.now(),
        sop_instance_uid="9.9",
    )  # fmt: skip
    as_sent = pydicom.dcmread(io.BytesIO(content(copy, spool, Form.SENT)))
    assert (as_sent.PatientName, as_sent.SOPInstanceUID) == ("ANON^7", "9.9")
    assert as_sent.file_meta.MediaStorageSOPInstanceUID == "9.9"
    as_received = pydicom.dcmread(io.BytesIO(content(copy, spool, Form.RECEIVED)))
    assert (as_received.PatientName, as_received.SOPInstanceUID) == ("TEST^ANNA", "1.2.3.4.5")


def test_a_prepared_file_is_what_is_sent(spool):
    files = PreparedFiles(spool.root)
    with files.draft() as draft:
        write(image("CT", PatientID="MADE"), draft, "1.2.840.10008.1.2")
        name = files.keep(draft, 1)
    item = item_of(received(spool), prepared_file=name, prepared_at=timezone.now())
    as_sent = pydicom.dcmread(io.BytesIO(content(item, spool, Form.SENT)))
    assert (as_sent.PatientID, as_sent.file_meta.TransferSyntaxUID) == ("MADE", "1.2.840.10008.1.2")


def test_nothing_of_the_spools_own_notes_leaves(spool):
    item = item_of(received(spool, peer_address="192.0.2.99", association_id="secret-association"))
    made = content(item, spool, Form.RECEIVED)
    assert b"192.0.2.99" not in made
    assert b"secret-association" not in made
    meta = pydicom.dcmread(io.BytesIO(made)).file_meta
    assert (meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID) == (EXPLICIT, CT_IMAGE)


def test_why_there_is_no_file_is_a_sentence_without_a_path(spool):
    instance = received(spool)
    item = item_of(instance)
    with pytest.raises(NoSuchFile, match="once the scripts have finished"):
        item_file(item, spool, Form.SENT)
    spool.path(item.id).write_bytes(b"no DICOM file at all")
    with pytest.raises(NoSuchFile, match="cannot be read: no DICM mark"):
        item_file(item, spool, Form.RECEIVED)
    item.prepared_at = timezone.now()
    with pytest.raises(NoSuchFile, match="bytes instead of") as refused:
        item_file(item, spool, Form.SENT)
    assert str(spool.root) not in str(refused.value)
    spool.discard(item.id)
    with pytest.raises(NoSuchFile, match="missing from the spool"):
        item_file(item, spool, Form.RECEIVED)
    item.purged_at = timezone.now()
    with pytest.raises(NoSuchFile, match="has been removed"):
        item_file(item, spool, Form.RECEIVED)
