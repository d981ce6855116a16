"""Sixty images from a modality through scripts to three destinations, by real storescu and storescp."""

from __future__ import annotations

import pydicom
import pytest

from tests.acceptance.router import storage_node
from tests.images import differences, image, write

pytestmark = pytest.mark.integration

SCRIPTS = """
- Description: Stamp everything
  Script: |
    dataset:Set('InstitutionName', 'Hôpital')
    dataset:Set('StationName', file.sourceAeTitle)
    dataset:Remove('PatientBirthDate')
- Description: CT to AI
  Script: route:Add('AI')
  Conditions:
    - Tag: 0008,0060
      MatchExpression: CT
- Description: Mammography for research
  Script: |
    route:Add('DCP_RESEARCH', function(ds)
      ds:Set('PatientName', 'ANONYMOUS')
      ds:Set('PatientID', '00000')
      ds:Set('SOPInstanceUID', uid())
    end)
  Conditions:
    - Tag: Modality
      MatchExpression: MG
- Description: Vascular ultrasound goes elsewhere
  Script: |
    route:Add('AI')
    route:Drop()
  Conditions:
    - Tag: 0008,0060
      MatchExpression: US
    - Tag: 0008,1030
      MatchExpression: '*VASCULAR*'
- Description: No localizers
  Script: route:Drop()
  Conditions:
    - Tag: 0008,103E
      MatchExpression: ^(?i)localizer$
"""

STAMPED = {"InstitutionName", "StationName", "PatientBirthDate"}


@pytest.fixture
def sent(tmp_path):
    """Fifteen images of each modality, by SOP instance UID."""
    images = []
    for number in range(1, 16):
        images.append(image("CT", number))
        images.append(image("MR", number, SeriesDescription="LOCALIZER" if number <= 5 else "T1"))
        images.append(image("MG", number))
        images.append(image("US", number, StudyDescription="CAROTID VASCULAR" if number <= 6 else "ABDOMEN"))
    for at, dataset in enumerate(images):
        write(dataset, tmp_path / f"image{at:02}.dcm")
    return images


def test_every_destination_holds_exactly_what_the_scripts_say(make_router, make_sink, sent, tmp_path):
    sinks = {name: make_sink(name).start() for name in ("PACS", "AI", "RESEARCH")}
    router = make_router()
    router.configure(nodes="".join(storage_node(name, sink.port) for name, sink in sinks.items()), lua=SCRIPTS)
    router.start()
    router.send(sorted(tmp_path.glob("image*.dcm")), "PACS", calling="SCANNER_1")
    router.settled(60 + 15 + 15 + 6)
    assert router.states() == {"Delivered": 60 - 6 - 5 + 15 + 15 + 6, "Dropped": 6 + 5}
    assert router.stop() == 0

    originals = {dataset.SOPInstanceUID: dataset for dataset in sent}
    received = {name: [pydicom.dcmread(path) for path in sink.files()] for name, sink in sinks.items()}
    # PACS: everything but the rerouted and the dropped, edited by the first entry alone.
    assert len(received["PACS"]) == 49
    kinds = {(d.Modality, d.get("SeriesDescription"), d.StudyDescription) for d in received["PACS"]}
    assert ("MR", "LOCALIZER", "MR STUDY") not in kinds
    assert ("US", None, "CAROTID VASCULAR") not in kinds
    # AI: fifteen CT and six vascular US, the same edits.
    assert sorted(d.Modality for d in received["AI"]) == ["CT"] * 15 + ["US"] * 6
    for dataset in received["PACS"] + received["AI"]:
        original = originals[dataset.SOPInstanceUID]
        assert differences(original, dataset) == STAMPED
        assert (dataset.InstitutionName, dataset.StationName) == ("Hôpital", "SCANNER_1")
    # RESEARCH: fifteen MG with edits of their own, and identifiers that agree with themselves.
    assert len(received["RESEARCH"]) == 15
    by_number = {d.InstanceNumber: d for d in sent if d.Modality == "MG"}
    for dataset in received["RESEARCH"]:
        changed = differences(by_number[dataset.InstanceNumber], dataset)
        assert changed == STAMPED | {"PatientName", "PatientID", "SOPInstanceUID"}
        assert (dataset.PatientName, dataset.PatientID) == ("ANONYMOUS", "00000")
        assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID
    assert len({d.SOPInstanceUID for d in received["RESEARCH"]}) == 15


def test_the_story_of_each_image_can_be_read_afterwards(make_router, make_sink, sent, tmp_path):
    sink = make_sink("PACS").start()
    router = make_router()
    router.configure(
        nodes=storage_node("PACS", sink.port) + storage_node("AI", sink.port) + storage_node("RESEARCH", sink.port),
        lua=SCRIPTS,
    )
    router.start()
    router.send([tmp_path / "image00.dcm"], "PACS", calling="SCANNER_1")
    router.settled(2)
    events = router.rows("SELECT event FROM routing_historyentry ORDER BY id")
    assert sorted(event for (event,) in events) == ["copied", "delivered", "delivered", "prepared", "received"]
    ((entries,),) = router.rows("SELECT entries FROM routing_preparereport")
    assert "0008,0060" in entries, "a skipped entry names the element that it looked at"
    ((source, called, peer),) = router.rows(
        "SELECT source_ae_title, called_ae_title, peer_address FROM routing_queueitem WHERE id = received_id"
    )
    assert (source, called, peer) == ("SCANNER_1", "PACS", "127.0.0.1")
    statuses = router.rows("SELECT answer, status FROM routing_attempt")
    assert statuses == [("delivered", 0)] * 2
