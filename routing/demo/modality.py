"""Sample modalities: they keep sending synthetic studies to the router, calmly."""

from __future__ import annotations

import contextlib
import itertools
import logging
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydicom import Dataset

from routing.core.instance import OutgoingInstance, SendResult
from routing.demo.images import MODALITIES, PATIENTS, Request, encoded, study
from routing.dicom import contexts
from routing.dicom.association_failures import AssociationFailed
from routing.dicom.requestor import NodeAddress
from routing.dicom.status import describe
from routing.dicom.storage_scu import StorageAssociation
from routing.processes.stop_flag import StopFlag

log = logging.getLogger("capacitor.demo")

QUICK_STUDIES = 8
"""So many come quickly one after another: a first look shows every kind, and one that fails."""
QUICK_SECONDS = 2.0
_WITHOUT_ACCESSION_NUMBER = 3
"""Each so-manieth ultrasound study has none, which a sample script does not let pass."""


@dataclass(frozen=True, slots=True)
class Router:
    """Whom the modalities send to."""

    host: str
    port: int
    called_ae_title: str


def run(router: Router, pause: float, stopping: StopFlag) -> None:
    """Send study after study, ``pause`` seconds apart, until ``stopping`` is set."""
    for number in itertools.count(1):
        modality = MODALITIES[(number - 1) % len(MODALITIES)]
        request = sample_request(modality, number, datetime.now().astimezone(), uuid.uuid4().hex)
        # The router may still be starting, or be stopped for a while: like a real modality, the study waits.
        wait = QUICK_SECONDS / 2
        while send_study(router, request, stopping) is None:
            if stopping.wait(wait):
                return
            wait = min(wait * 2, max(pause, QUICK_SECONDS))
        if stopping.wait(QUICK_SECONDS if number <= QUICK_STUDIES else pause):
            return


def sample_request(modality: str, number: int, now: datetime, seed: str) -> Request:
    """The ``number``-th study, counted from 1 over all modalities."""
    turn = (number - 1) // len(MODALITIES)
    nameless = modality == "US" and turn % _WITHOUT_ACCESSION_NUMBER == 1
    return Request(
        modality,
        seed,
        now,
        number=number,
        patient=PATIENTS[(number - 1) % len(PATIENTS)],
        accession_number="" if nameless else None,
    )


def send_study(router: Router, request: Request, stopping: StopFlag) -> list[SendResult] | None:
    """
    Send one study over one association as ``DEMO_<modality>``; what went wrong is logged and no more.

    None: there was no association.
    """
    calling = f"DEMO_{request.modality}"
    instances = [_instance(number, image, rle=request.modality == "MR") for number, image in enumerate(study(request))]
    address = NodeAddress(router.host, router.port, router.called_ae_title, calling)
    [proposal] = contexts.plan((one.sop_class_uid, [one.transfer_syntax_uid]) for one in instances)
    try:
        association = StorageAssociation.open(address, proposal)
    except AssociationFailed as error:
        log.warning("%s could not send: %s", calling, error)
        return None
    results = []
    for instance in instances:
        if association.broken or stopping.is_set():
            break
        results.append(association.send(instance))
    association.release()
    _report(calling, results)
    return results


def _report(calling: str, results: Sequence[SendResult]) -> None:
    sent = sum(result.status == 0 for result in results)
    log.info("%s sent %d of %d images", calling, sent, len(results))
    for result in results:
        if result.status != 0:
            said = result.error if result.status is None else describe(result.status)
            log.warning("%s: an image was not taken: %s", calling, said)


def _instance(number: int, image: Dataset, *, rle: bool) -> OutgoingInstance:
    transfer_syntax_uid, content = encoded(image, rle=rle)

    @contextlib.contextmanager
    def opened() -> Iterator[Sequence[memoryview]]:
        yield [memoryview(content)]

    return OutgoingInstance(
        item_id=number,
        sop_class_uid=str(image.SOPClassUID),
        sop_instance_uid=str(image.SOPInstanceUID),
        transfer_syntax_uid=transfer_syntax_uid,
        open=opened,
    )
