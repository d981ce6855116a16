"""Rows with dull values; a test writes only what matters to it."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from routing.core.identifiers import Identifiers
from routing.core.instance import ReceivedInstance
from routing.models import Node, QueueItem, ServiceProcess
from routing.spool.spool import Spool
from scripts_app.activation import activate, stored_collection
from scripts_app.core.dataset.file_meta import encode_file_meta
from scripts_app.models import Activation, LuaEntry

EXPLICIT = "1.2.840.10008.1.2.1"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"

_ids = itertools.count(1)
new_id = Identifiers(tag=7)


def node(ae_title: str = "PACS", **columns: Any) -> Node:
    return Node.objects.create(ae_title=ae_title, **columns)


def fresh(item: QueueItem) -> QueueItem:
    """As it stands in the database now."""
    return QueueItem.objects.get(id=item.id)


def queue_item(state: str = "Prepared", **columns: Any) -> QueueItem:
    """An item of a CT image; without ``node`` it is for a destination that is no longer there."""
    identifier = columns.pop("id", None) or next(_ids)
    now = timezone.now()
    values = {
        "received_id": identifier,
        "source_ae_title": "CT_1",
        "called_ae_title": "PACS",
        "peer_address": "192.0.2.1",
        "association_id": f"association-{identifier}",
        "destination_ae_title": columns["node"].ae_title if columns.get("node") else "PACS",
        "sop_class_uid": "1.2.840.10008.5.1.4.1.1.2",
        "sop_instance_uid": f"1.2.3.{identifier}",
        "study_instance_uid": "1.2.3",
        "series_instance_uid": "1.2.3.4",
        "modality": "CT",
        "patient_id": "T-1",
        "patient_name": "TEST^ANNA",
        "accession_number": "A-1",
        "transfer_syntax_uid": "1.2.840.10008.1.2.1",
        "size": 1000,
        "dataset_offset": 300,
        "not_before": now,
        "created_at": now,
        "updated_at": now,
    }
    return QueueItem.objects.create(id=identifier, state=state, **(values | columns))


def ct_image(**elements: Any) -> bytes:
    """The data set of a small CT image, Explicit VR Little Endian; elements by keyword, None leaves one out."""
    dataset = Dataset()
    values: dict[str, Any] = {
        "SOPClassUID": CT_IMAGE,
        "SOPInstanceUID": "1.2.3.4.5",
        "AccessionNumber": "A-1",
        "Modality": "CT",
        "PatientName": "TEST^ANNA",
        "PatientID": "T-1",
        "StudyInstanceUID": "1.2.3",
        "SeriesInstanceUID": "1.2.3.4",
        "PixelData": bytes(range(64)),
    }
    with disable_value_validation():
        for keyword, value in (values | elements).items():
            if value is not None:
                setattr(dataset, keyword, value)
    dataset["PixelData"].VR = "OW"
    out = DicomBytesIO()
    out.is_little_endian, out.is_implicit_VR = True, False
    write_dataset(out, dataset)
    return out.getvalue()


def received(
    spool: Spool, dataset: bytes | None = None, *, identifier: int | None = None, syntax: str = EXPLICIT, **fields: Any
) -> ReceivedInstance:
    """A durable file as the listener leaves it, and what the listener knows of it."""
    at = datetime.now(UTC)
    values = {
        "calling_ae_title": "CT_1",
        "called_ae_title": "PACS",
        "peer_address": "192.0.2.1",
        "association_id": "association-1",
        "sop_class_uid": CT_IMAGE,
        "sop_instance_uid": "1.2.3.4.5",
        "accepted_for": "",
        **fields,
    }
    identifier = identifier or new_id()
    meta = encode_file_meta(
        values["sop_class_uid"],
        values["sop_instance_uid"],
        syntax,
        calling_ae_title=values["calling_ae_title"],
        called_ae_title=values["called_ae_title"],
        private={
            "id": identifier,
            "calling": values["calling_ae_title"],
            "called": values["called_ae_title"],
            "peer": values["peer_address"],
            "association": values["association_id"],
            "received": at.isoformat(),
            "accepted_for": values["accepted_for"],
        },
    )
    part = spool.begin(identifier)
    part.write([meta, ct_image() if dataset is None else dataset])
    part.commit()
    return ReceivedInstance(
        id=identifier,
        transfer_syntax_uid=syntax,
        received_at=at,
        dataset_offset=len(meta),
        size=part.size,
        checksum=part.checksum,
        **values,
    )


def lua_entry(script: str, **columns: Any) -> LuaEntry:
    return LuaEntry.objects.create(script=script, position=next(_ids), **columns)


def alive(role: str, ago: float = 0) -> ServiceProcess:
    """A process that gave its last sign of life so many seconds ago."""
    now = timezone.now()
    seen = now - timedelta(seconds=ago)
    return ServiceProcess.objects.create(
        owner=f"{role}:{ago}", role=role, host="h", pid=1, started_at=now, seen_at=seen
    )


def active(script: str) -> Activation:
    """This script alone, made active."""
    entry = {"key": "new", "description": "", "enabled": True, "script": script, "conditions": []}
    entries = [{**entry, "ae_titles": [], "on_error": "skip"}]
    return activate({**stored_collection(), "entries": entries}, "anna", "because")
