"""Rows with dull values; a test writes only what matters to it."""

import itertools
from typing import Any

from django.utils import timezone

from routing.models import Node, QueueItem

_ids = itertools.count(1)


def node(ae_title: str = "PACS", **columns: Any) -> Node:
    return Node.objects.create(ae_title=ae_title, **columns)


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
