"""An item whose file is in the spool, with pixels worth looking at, and with what its scripts set."""

import io
from typing import Any

import numpy as np
from django.utils import timezone

from routing.folders import spool_folder
from routing.models import QueueItem
from routing.spool.spool import Spool
from scripts_app.core.dataset.document import Document
from scripts_app.core.dataset.file_meta import read_file_meta
from tests.builders import queue_item, received
from tests.images import image, write


def spool() -> Spool:
    return Spool(spool_folder(), "none")


def stored_image(
    columns: dict[str, Any] | None = None, sets: dict[str, str] | None = None, **elements: Any
) -> QueueItem:
    """``columns`` of the item, ``sets`` what its scripts changed, ``elements`` of what was received."""
    buffer = io.BytesIO()
    dataset = image("CT", rows=256, columns=256, PatientName="MUSTER^ERIKA", PatientID="P-4711")
    dataset.PixelData = phantom(256).tobytes()
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    write(dataset, buffer)
    content = buffer.getvalue()
    return stored(content[read_file_meta(content).dataset_offset :], columns, sets)


def give_file(item: QueueItem) -> None:
    """A file for an item that has none, with its own patient and UIDs."""
    made = stored_image(
        {"id": item.pk + 1_000_000},
        PatientName=item.patient_name,
        PatientID=item.patient_id,
        SOPInstanceUID=item.sop_instance_uid,
        StudyInstanceUID=item.study_instance_uid,
    )
    final = spool().path(item.received_id)
    final.parent.mkdir(parents=True, exist_ok=True)
    spool().path(made.pk).rename(final)
    QueueItem.objects.filter(pk=item.pk).update(size=made.size, dataset_offset=made.dataset_offset)
    made.delete()


def stored(dataset: bytes, columns: dict[str, Any] | None = None, sets: dict[str, str] | None = None) -> QueueItem:
    """The same with any bytes for a data set."""
    made = {**(columns or {})}
    instance = received(spool(), dataset, identifier=made.pop("id", None))
    made = {"size": instance.size, "dataset_offset": instance.dataset_offset, **made}
    if sets:
        with Document.open(spool().path(instance.id)) as document:
            for keyword, value in sets.items():
                document.root.set(keyword, value)
            recipe = document.recipe()
        made |= {"recipe": recipe and recipe.dumps(), "prepared_at": timezone.now()}
    return queue_item(made.pop("state", "Prepared"), id=instance.id, **made)


def phantom(edge: int, frames: int = 1) -> np.ndarray[Any, Any]:
    """A head as a child would draw it: an ellipse in an ellipse, one bright spot that wanders from frame to frame."""
    y, x = np.mgrid[-1 : 1 : edge * 1j, -1 : 1 : edge * 1j]
    drawn = []
    for frame in range(frames):
        pixels = np.zeros((edge, edge))
        pixels[(x / 0.7) ** 2 + (y / 0.9) ** 2 < 1] = 1800
        pixels[(x / 0.62) ** 2 + (y / 0.82) ** 2 < 1] = 900 + 150 * np.cos(6 * x[(x / 0.62) ** 2 + (y / 0.82) ** 2 < 1])
        pixels[(x + 0.2 - 0.1 * frame) ** 2 + (y - 0.3) ** 2 < 0.01] = 1500
        drawn.append(pixels)
    return np.array(drawn).astype("<u2")
