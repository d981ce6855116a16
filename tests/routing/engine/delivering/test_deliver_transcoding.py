"""Images that leave in another transfer syntax than they came in, because the node takes no other or demands it."""

from pathlib import Path

import numpy as np
import pytest
from django.utils import timezone
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_files
from pydicom.pixels import pixel_array

from routing.core.states import QueueEvent
from routing.engine.reconcile import fail_missing
from routing.models import ItemLogLine, Node, QueueItem
from routing.queue.record import record_for
from routing.spool.prepared import PreparedFiles
from scripts_app.core.dataset.file_meta import read_file_meta
from tests.builders import ct_image
from tests.routing.dicom.peers import CT_IMAGE, EXPLICIT, IMPLICIT
from tests.routing.engine.delivering.delivery import Delivery, back_off_is_over, delivery, node, states, storage_node
from tests.routing.engine.transcoding.transcoded import deflated, read

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

DEFLATED = "1.2.840.10008.1.2.1.99"
JPEG_2000 = "1.2.840.10008.1.2.4.90"
RLE = "1.2.840.10008.1.2.5"
SR = "1.2.840.10008.5.1.4.1.1.88.33"


def full_at_first(event: object, number: int) -> int:
    """The answer of a node that has no room for the first image."""
    return 0xA700 if number == 1 else 0x0000


def waiting(running: Delivery, destination: Node, name: str) -> tuple[QueueItem, Dataset]:
    """An item made from a file that comes with pydicom, and that file."""
    path = next(Path(path) for path in get_testdata_files(f"**/{name}") if Path(path).name == name)
    content = path.read_bytes()
    meta = read_file_meta(content)
    item = running.image(
        destination,
        content[meta.dataset_offset :],
        meta.transfer_syntax_uid,
        sop_class_uid=meta.media_storage_sop_class_uid,
        sop_instance_uid=meta.media_storage_sop_instance_uid,
    )
    return item, dcmread(path)


@pytest.mark.fault(100)
def test_an_image_is_decoded_for_a_node_that_takes_it_only_uncompressed(tmp_path):
    mr = "1.2.840.10008.5.1.4.1.1.4"
    with storage_node(contexts=[(mr, IMPLICIT)]) as pacs, delivery(tmp_path) as running:
        item, original = waiting(running, node(pacs.port), "MR_small_jp2klossless.dcm")
        running.rest()
    item.refresh_from_db()
    assert (item.state, item.attempt_count) == ("Delivered", 1)
    arrived = pacs.arrived[0]
    assert arrived.transfer_syntax_uid == IMPLICIT
    sent = read(arrived.dataset, IMPLICIT)
    assert np.array_equal(pixel_array(sent), pixel_array(original))
    assert sent.SOPInstanceUID == original.SOPInstanceUID == arrived.sop_instance_uid
    log = ItemLogLine.objects.get(item=item)
    assert log.text == "transcoded from JPEG 2000 Image Compression (Lossless Only) to Implicit VR Little Endian"
    assert PreparedFiles(running.spool.root).path(item.prepared_file).is_file()
    assert running.spool.path(item.id).is_file()


def test_an_image_that_is_too_large_to_be_read_at_once_is_transcoded_as_well(tmp_path):
    pixels = bytes(range(256)) * (36 << 10)
    with storage_node(contexts=[(CT_IMAGE, IMPLICIT)]) as pacs, delivery(tmp_path) as running:
        content = ct_image(SOPInstanceUID="1.2.9", PixelData=pixels)
        item = running.image(node(pacs.port), content, sop_instance_uid="1.2.9")
        running.rest()
    item.refresh_from_db()
    assert (item.state, item.last_error) == ("Delivered", "")
    assert read(pacs.arrived[0].dataset, IMPLICIT).PixelData == pixels


def test_the_time_limit_of_an_image_goes_by_what_is_sent_and_not_by_what_came(tmp_path):
    """What came are a thousandth of the bytes, for which 20 ms would be enough; what is sent may take 19 s."""
    speed = {"storage_timeout": 0, "minimum_line_speed": 1000}
    with storage_node(contexts=[(CT_IMAGE, EXPLICIT)]) as pacs, delivery(tmp_path, **speed) as running:
        content = deflated(ct_image(SOPInstanceUID="1.2.9", PixelData=bytes(9 << 20)))
        item = running.image(node(pacs.port), content, DEFLATED, sop_instance_uid="1.2.9")
        running.rest()
    item.refresh_from_db()
    assert (item.state, item.last_error) == ("Delivered", "")
    assert item.size < 20_000 < 9 << 20 < len(pacs.arrived[0].dataset)


def test_an_image_goes_as_it_came_to_a_node_that_takes_it_so(tmp_path):
    mr = "1.2.840.10008.5.1.4.1.1.4"
    contexts = [(mr, IMPLICIT), (mr, EXPLICIT), (mr, JPEG_2000)]
    with storage_node(contexts=contexts) as pacs, delivery(tmp_path) as running:
        item, _ = waiting(running, node(pacs.port), "MR_small_jp2klossless.dcm")
        running.rest()
    assert states(item) == ["Delivered"]
    assert pacs.arrived[0].transfer_syntax_uid == JPEG_2000
    assert pacs.arrived[0].dataset == running.spool.path(item.id).read_bytes()[item.dataset_offset :]


def test_a_demanded_syntax_is_made_once_and_kept_for_the_next_attempt(tmp_path):
    contexts = [(CT_IMAGE, RLE), (CT_IMAGE, EXPLICIT)]
    with storage_node(full_at_first, contexts) as pacs, delivery(tmp_path) as running:
        item, original = waiting(running, node(pacs.port, transfer_syntax="RLELossless"), "CT_small.dcm")
        running.rest()
        item.refresh_from_db()
        kept = item.prepared_file
        assert kept
        back_off_is_over(item.node)
        running.rest()
    item.refresh_from_db()
    assert (item.state, item.prepared_file) == ("Delivered", kept)
    assert ItemLogLine.objects.count() == 1
    assert [arrival.transfer_syntax_uid for arrival in pacs.arrived] == [RLE, RLE]
    assert pacs.arrived[0].dataset == pacs.arrived[1].dataset
    assert np.array_equal(pixel_array(read(pacs.arrived[1].dataset, RLE)), pixel_array(original))


def test_what_was_transcoded_for_one_node_goes_to_another_as_it_came(tmp_path):
    contexts = [(CT_IMAGE, RLE), (CT_IMAGE, EXPLICIT)]
    with (
        storage_node(lambda event, number: 0xA700, contexts) as full,
        storage_node(contexts=contexts) as other,
        delivery(tmp_path) as running,
    ):
        item, _ = waiting(running, node(full.port, transfer_syntax="RLELossless"), "CT_small.dcm")
        QueueItem.objects.update(prepared_at=timezone.now())
        running.rest()
        item.refresh_from_db()
        assert item.prepared_file
        columns = {"node_id": node(other.port, "OTHER").pk, "destination_ae_title": "OTHER"}
        record_for(QueueItem.objects.all(), QueueEvent.REDIRECTED, actor="operator", columns=columns)
        running.rest()
    item.refresh_from_db()
    assert (item.state, item.prepared_file) == ("Delivered", "")
    assert (full.arrived[0].transfer_syntax_uid, other.arrived[0].transfer_syntax_uid) == (RLE, EXPLICIT)
    assert other.arrived[0].dataset == running.spool.path(item.id).read_bytes()[item.dataset_offset :]


@pytest.mark.parametrize(("demanded", "syntax"), [("", EXPLICIT), ("ImplicitVRLittleEndian", IMPLICIT)])
def test_a_node_that_demands_another_syntax_meanwhile_gets_that_made_from_what_came(tmp_path, demanded, syntax):
    contexts = [(CT_IMAGE, RLE), (CT_IMAGE, EXPLICIT), (CT_IMAGE, IMPLICIT)]
    with storage_node(full_at_first, contexts) as pacs, delivery(tmp_path) as running:
        item, _ = waiting(running, node(pacs.port, transfer_syntax="RLELossless"), "CT_small.dcm")
        running.rest()
        Node.objects.update(transfer_syntax=demanded)
        back_off_is_over(item.node)
        running.rest()
    item.refresh_from_db()
    assert item.state == "Delivered"
    assert [arrival.transfer_syntax_uid for arrival in pacs.arrived] == [RLE, syntax]
    steps = list(ItemLogLine.objects.order_by("id").values_list("text", flat=True))
    assert steps[0] == "transcoded from Explicit VR Little Endian to RLE Lossless"
    assert steps[1:] == ["transcoded from Explicit VR Little Endian to Implicit VR Little Endian"][: bool(demanded)]


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:-2])])
def test_a_kept_form_that_is_gone_or_damaged_is_made_anew(tmp_path, harm):
    contexts = [(CT_IMAGE, RLE), (CT_IMAGE, EXPLICIT)]
    with storage_node(full_at_first, contexts) as pacs, delivery(tmp_path) as running:
        item, _ = waiting(running, node(pacs.port, transfer_syntax="RLELossless"), "CT_small.dcm")
        running.rest()
        item.refresh_from_db()
        harm(PreparedFiles(running.spool.root).path(item.prepared_file))
        assert fail_missing(running.spool) == 0
        back_off_is_over(item.node)
        running.rest()
    assert states(item) == ["Delivered"]
    assert pacs.arrived[0].dataset == pacs.arrived[1].dataset


def test_the_service_demands_for_every_node_that_says_nothing(tmp_path):
    with (
        storage_node(contexts=[(CT_IMAGE, IMPLICIT), (CT_IMAGE, EXPLICIT)]) as pacs,
        delivery(tmp_path, transfer_syntax="ImplicitVRLittleEndian") as running,
    ):
        one, _ = waiting(running, node(pacs.port, "ONE"), "CT_small.dcm")
        other, _ = waiting(running, node(pacs.port, "OTHER", transfer_syntax=EXPLICIT), "CT_small.dcm")
        running.rest()
    assert states(one, other) == ["Delivered", "Delivered"]
    assert sorted(arrival.transfer_syntax_uid for arrival in pacs.arrived) == [IMPLICIT, EXPLICIT]


@pytest.mark.parametrize("syntax", [EXPLICIT, RLE])
def test_what_has_no_pixels_is_sent_as_it_is_to_a_node_that_demands_compression(tmp_path, syntax):
    """Also in a syntax for compressed pixels, as some senders negotiate for whatever they have."""
    with storage_node(contexts=[(SR, syntax)]) as pacs, delivery(tmp_path) as running:
        item, _ = waiting(running, node(pacs.port, transfer_syntax="JPEG2000Lossless"), "reportsi.dcm")
        item.sop_class_uid, item.transfer_syntax_uid = SR, syntax
        item.save()
        running.rest()
    assert states(item) == ["Delivered"]
    assert pacs.arrived[0].dataset == running.spool.path(item.id).read_bytes()[item.dataset_offset :]


@pytest.mark.fault(100)
@pytest.mark.parametrize(
    ("demanded", "name", "words"),
    [
        ("JPEGProcess1", "CT_small.dcm", "demanded in JPEG Baseline (Process 1): there is no lossless encoder for it"),
        ("RLELossless", "CT_small.dcm", "demanded in RLE Lossless: the node does not accept that"),
        ("", "JPEG-lossy.dcm", "cannot be transcoded losslessly from JPEG Extended (Process 2 and 4) into Explicit VR"),
    ],
)
def test_an_image_that_cannot_be_made_fit_is_rejected_with_the_syntaxes_and_the_next_one_goes(
    tmp_path, demanded, name, words
):
    secondary_capture = "1.2.840.10008.5.1.4.1.1.7"
    contexts = [(CT_IMAGE, EXPLICIT), (secondary_capture, EXPLICIT)]
    with storage_node(contexts=contexts) as pacs, delivery(tmp_path) as running:
        pacs_node = node(pacs.port, transfer_syntax=demanded, max_associations=1)
        item, _ = waiting(running, pacs_node, name)
        Node.objects.filter(pk=pacs_node.pk).update(transfer_syntax=demanded)
        running.rest()
        Node.objects.filter(pk=pacs_node.pk).update(transfer_syntax="")
        welcome = running.image(pacs_node)
        running.rest()
    item.refresh_from_db()
    assert (item.state, item.attempt_count) == ("Rejected", 1)
    assert words in item.last_error
    assert item.prepared_file == ""
    assert states(welcome) == ["Delivered"]
