"""What the script pages are told of nodes, queue and audit log, which scripts_app must not import."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from routing.core.transfer_syntax import UnknownTransferSyntax, uid_of
from scripts_app.outside import Leaving, NoPicture, NoSample, QueueSample, SampleCopy, outside

_TAKEN_AT = datetime(2026, 1, 2, 9, 30)  # DICOM dates have no zone
_EDGE = 384
"""Pixels of a picture beside the editor."""
_RECENT = 20


def connect() -> None:
    """Called once, when all apps are there."""
    outside.ae_titles = ae_titles
    outside.destinations = destinations
    outside.called_titles = called_titles
    outside.audit, outside.audit_once = audit, audit_once
    outside.queue_sample = queue_sample
    outside.leaving = leaving
    outside.picture = picture
    outside.copied = copied
    outside.first_item_now = first_item_now
    outside.recent_items = recent_items
    outside.bundled = lambda: ("CT", "MR", "MG", "US")
    outside.bundled_sample = bundled_sample


def ae_titles() -> Sequence[str]:
    from routing.models import Node

    nodes = Node.objects.filter(role=Node.Role.STORAGE).values_list("ae_title", flat=True)
    return [*sorted(set(nodes)), settings.CAPACITOR.ae_title]


def destinations() -> Sequence[str]:
    from routing.nodes.titles import title_book

    return sorted(title_book().titles())


def called_titles() -> dict[str, str]:
    from routing.core.ae_title import Meaning
    from routing.nodes.titles import title_book

    book, own = title_book(), settings.CAPACITOR.ae_title
    meant = {title: book.resolve(title) for title in sorted(book.titles())}
    return {**{title: found.ae_title for title, found in meant.items() if found.meaning is Meaning.NODE}, own: own}


def audit(actor: str, action: str, object: object, **detail: Any) -> None:
    from routing.audit.log import audit

    audit(actor, action, object, **detail)


def audit_once(actor: str, action: str, object: object, **detail: Any) -> None:
    from routing.audit.log import audit_once

    audit_once(actor, action, object, **detail)


def queue_sample(item_id: int) -> QueueSample:
    """The file as the modality sent it, so that the scripts run as they would have."""
    from routing.models import QueueItem
    from routing.queue.spool import open_spool

    item = QueueItem.objects.filter(pk=item_id).first()
    if item is None:
        raise NoSample(f"there is no item {item_id}")
    file = open_spool().path(item.received_id)
    if not file.is_file():
        raise NoSample(f"the file of item {item_id} is no longer kept")
    return QueueSample(file, f"item {item_id}", item.source_ae_title, item.called_ae_title)


def leaving(destination: str, sop_class_uid: str, transfer_syntax_uid: str) -> Leaving:
    """From what the node accepted when somebody asked it on its page."""
    from routing.core.acceptance import Negotiated, acceptance
    from routing.dicom.contexts import COMMON_CLASSES, COMMON_SYNTAXES
    from routing.models import Node, NodeStatus

    node = Node.objects.filter(ae_title=destination, role=Node.Role.STORAGE).first()
    status = NodeStatus.objects.filter(node=node, accepted_contexts_at__isnull=False).first() if node else None
    negotiated = Negotiated(dict(status.accepted_contexts), COMMON_CLASSES, COMMON_SYNTAXES) if status else None
    wanted = (node.transfer_syntax if node else "") or settings.CAPACITOR.transfer_syntax
    try:
        demanded = uid_of(wanted) if wanted else ""
    except UnknownTransferSyntax as error:
        return Leaving(False, wanted, f"the node's setting is wrong: {error}")
    found = acceptance(sop_class_uid, transfer_syntax_uid, demanded, negotiated)
    return Leaving(found.taken, found.transfer_syntax, found.why)


def picture(file: Path) -> tuple[dict[str, Any], bytes]:
    from routing.engine.reading.file_reader import CannotRead, ask

    try:
        return ask("image_renderer", {"path": str(file), "frame": 1, "edge": _EDGE})
    except CannotRead as error:
        raise NoPicture(str(error)) from None


def copied(file: Path, deidentified: bool) -> SampleCopy:
    from routing.engine.housekeeping.samples import made

    found = made([file], (), deidentified=deidentified)
    if found is None:
        raise NoSample("the image cannot be read")
    return found[1]


def first_item_now() -> int:
    from routing.core.identifiers import first_at

    return first_at(timezone.now())


def recent_items() -> Sequence[tuple[int, str]]:
    from routing.models import QueueItem

    items = QueueItem.objects.filter(purged_at=None, received_id=F("id")).order_by("-id")[:_RECENT]
    return [
        (item.pk, f"{item.modality or 'image'} from {item.source_ae_title} for {item.called_ae_title}, {item.state}")
        for item in items
    ]


def bundled_sample(name: str) -> bytes:
    from routing.demo import images

    return images.as_file(images.study(images.Request(name, "sample", _TAKEN_AT))[-1])
