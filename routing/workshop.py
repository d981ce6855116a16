"""What the script pages are told of nodes, queue and audit log, which scripts_app must not import."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings

from scripts_app.outside import NoSample, QueueSample, outside

_TAKEN_AT = datetime(2026, 1, 2, 9, 30)  # DICOM dates have no zone


def connect() -> None:
    """Called once, when all apps are there."""
    outside.ae_titles = ae_titles
    outside.destinations = destinations
    outside.audit = audit
    outside.queue_sample = queue_sample
    outside.bundled = lambda: ("CT", "MR", "MG", "US")
    outside.bundled_sample = bundled_sample


def ae_titles() -> Sequence[str]:
    from routing.models import Node

    nodes = Node.objects.filter(role=Node.Role.STORAGE).values_list("ae_title", flat=True)
    return [*sorted(set(nodes)), settings.CAPACITOR.ae_title]


def destinations() -> Sequence[str]:
    from routing.forms import title_book

    return sorted(title_book().titles())


def audit(actor: str, action: str, object: object, **detail: Any) -> object:
    from routing.audit import audit

    return audit(actor, action, object, **detail)


def queue_sample(item_id: int) -> QueueSample:
    """The file as the modality sent it, so that the scripts run as they would have."""
    from routing.engine.process import open_spool
    from routing.models import QueueItem

    item = QueueItem.objects.filter(pk=item_id).first()
    if item is None:
        raise NoSample(f"there is no item {item_id}")
    file = open_spool().path(item.received_id)
    if not file.is_file():
        raise NoSample(f"the file of item {item_id} is no longer kept")
    return QueueSample(file, f"item {item_id}", item.source_ae_title, item.called_ae_title)


def bundled_sample(name: str) -> bytes:
    from routing.demo import images

    return images.as_file(images.study(images.Request(name, "sample", _TAKEN_AT))[-1])
