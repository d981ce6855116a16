"""A synthetic image for one node: made here, queued as prepared, delivered like any other."""

from __future__ import annotations

import io
import uuid
from dataclasses import replace
from datetime import UTC, datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from pydicom import Dataset, dcmwrite
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from routing.core.identifiers import FILE_TAGS, new_identifiers
from routing.core.instance import ReceivedInstance
from routing.core.states import QueueState
from routing.database.rows import insert
from routing.engine.directory import Directory
from routing.engine.receiving.receive import row_for
from routing.models import HistoryEntry, Node, QueueItem
from routing.queue.spool import open_spool
from scripts_app.core.dataset.file_meta import encode_file_meta

PATIENT_NAME, PATIENT_ID = "TEST^CAPACITOR", "CAPACITOR-TEST"
_SIDE = 128


def send_probe_image(node: Node, actor: str) -> int:
    """
    Queue a test image for this node; the id of its item, which the delivery finds within a second.

    No script sees it: it tells whether the node takes images, not whether the
    scripts let them pass.  OSError when the spool can't hold it.
    """
    service, at = settings.CAPACITOR, datetime.now(UTC)
    image = probe_image(at)
    identifier = new_identifiers(FILE_TAGS)()
    said = {"calling": service.ae_title, "called": node.ae_title, "peer": "", "association": f"test image by {actor}"}
    head = encode_file_meta(
        image.SOPClassUID,
        image.SOPInstanceUID,
        ExplicitVRLittleEndian,
        calling_ae_title=service.ae_title,
        called_ae_title=node.ae_title,
        private={**said, "id": identifier, "received": at.isoformat()},
    )
    buffer = io.BytesIO()
    dcmwrite(buffer, image, implicit_vr=False, little_endian=True, enforce_file_format=False)
    spool = open_spool()
    instance = ReceivedInstance(
        id=identifier,
        calling_ae_title=service.ae_title,
        called_ae_title=node.ae_title,
        peer_address="",
        association_id=said["association"][:40],
        sop_class_uid=image.SOPClassUID,
        sop_instance_uid=image.SOPInstanceUID,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        received_at=at,
        dataset_offset=len(head),
        size=len(head) + buffer.tell(),
    )
    with transaction.atomic():
        part = spool.begin(identifier)
        part.write([head, buffer.getvalue()])
        # Durable before the row is: a file whose transaction fails is adopted like any other, as a new item.
        part.commit()
        instance = replace(instance, checksum=part.checksum)
        row = row_for(instance, spool, Directory.of_service(), at)
        now = timezone.now()
        sent = {"state": QueueState.PREPARED, "prepared_at": now, "last_error": ""}
        insert(QueueItem, [{**row, **sent, "node_id": node.pk, "destination_ae_title": node.ae_title}])
        line = {"item_id": identifier, "at": now, "actor": actor[:150], "to_state": QueueState.PREPARED}
        insert(HistoryEntry, [{**line, "event": "test image", "from_state": "", "note": "made by the router"}])
    return identifier


def probe_image(at: datetime) -> Dataset:
    """A grey wedge that nobody can take for a patient's image."""
    image = Dataset()
    image.SpecificCharacterSet = "ISO_IR 100"
    image.ImageType = ["DERIVED", "SECONDARY"]
    image.SOPClassUID, image.SOPInstanceUID = SecondaryCaptureImageStorage, _uid()
    image.StudyInstanceUID, image.SeriesInstanceUID = _uid(), _uid()
    image.PatientName, image.PatientID = PATIENT_NAME, PATIENT_ID
    image.PatientBirthDate, image.PatientSex, image.ReferringPhysicianName = "", "O", ""
    image.StudyDate = image.ContentDate = f"{at:%Y%m%d}"
    image.StudyTime = image.ContentTime = f"{at:%H%M%S}"
    image.StudyID, image.AccessionNumber, image.SeriesNumber, image.InstanceNumber = "TEST", "", "1", "1"
    image.Modality, image.ConversionType, image.Manufacturer = "OT", "SYN", "Capacitor Web"
    image.StudyDescription = image.SeriesDescription = "TEST IMAGE, NOT A PATIENT"
    image.PatientOrientation = ""
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.Rows = image.Columns = _SIDE
    image.BitsAllocated = image.BitsStored = 8
    image.HighBit, image.PixelRepresentation = 7, 0
    image.PixelData = bytes(2 * column for column in range(_SIDE)) * _SIDE
    return image


def _uid() -> str:
    """A UID from a random number (PS3.5 B.2)."""
    return f"2.25.{uuid.uuid4().int}"
