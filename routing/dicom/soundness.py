"""Whether a received data set is whole and is what its command said: a walk over its headers, values are not read."""

from __future__ import annotations

import struct
import zlib
from mmap import mmap

from pydicom.uid import UID

from routing.dicom import status
from routing.dicom.contexts import is_storage
from routing.dicom.header_walk import SOP_CLASS, SOP_INSTANCE, STUDY, EndsInside, Unclear, Walk
from scripts_app.core.dataset.encoding import DEFLATED, EXPLICIT_LITTLE, IMPLICIT_LITTLE, encoding_of

Fault = tuple[int, str]
"""The status to answer with, and why; the text quotes no value of the data set."""

_DEFLATED_HEAD = 64 * 1024
_INFLATED_HEAD = 256 * 1024

_WITHOUT_STUDY = ("1.2.840.10008.5.1.4.1.1.200.", "1.2.840.10008.5.1.4.1.1.201.")
_COMPOSITE = "1.2.840.10008.5.1.4.1.1."
"""
Storage SOP classes below it belong to a study, but for protocols and inventories (PS3.6 annex A).

Hanging protocols, palettes and implant templates have roots of their own.
"""


def fault_in(
    content: mmap | bytes, offset: int, transfer_syntax_uid: str, sop_class_uid: str, sop_instance_uid: str
) -> Fault | None:
    """
    Tell why the data set that begins at ``offset`` cannot be the instance that the command announced.

    None when nothing speaks against it.  In transfer syntaxes that no standard
    describes nothing does; of a deflated data set only the beginning is read.
    Elements out of order, unknown VRs and deep nesting are no faults here: the
    bytes can be forwarded, and scripts are told.
    """
    if transfer_syntax_uid in DEFLATED:
        try:
            inflater = zlib.decompressobj(-zlib.MAX_WBITS)
            head = inflater.decompress(content[offset : offset + _DEFLATED_HEAD], _INFLATED_HEAD)
        except zlib.error:
            return status.CANNOT_UNDERSTAND, "the data set is not deflated as its transfer syntax says"
        walk = Walk(head, 0, EXPLICIT_LITTLE)
        walk.tolerates_the_end = True
        return _fault(walk, sop_class_uid, sop_instance_uid)
    if UID(transfer_syntax_uid).is_private:
        return None
    fault = _fault(Walk(content, offset, encoding_of(transfer_syntax_uid)), sop_class_uid, sop_instance_uid)
    if fault and encoding_of(transfer_syntax_uid) == EXPLICIT_LITTLE:
        # Some senders write implicit VR whatever was negotiated, and most readers understand them.
        other = Walk(content, offset, IMPLICIT_LITTLE)
        if _fault(other, sop_class_uid, sop_instance_uid) is None:
            return None
    return fault


def is_sound_at_a_glance(
    head: bytes, size: int, transfer_syntax_uid: str, sop_class_uid: str, sop_instance_uid: str
) -> bool:
    """
    Whether the first bytes of a data set of ``size`` bytes are enough to see that ``fault_in`` finds nothing.

    So it is for nearly all images that are not compressed, and saves a look into the file: mapping it costs
    more than the whole check.
    """
    if transfer_syntax_uid in DEFLATED or UID(transfer_syntax_uid).is_private:
        return False
    walk = Walk(head, 0, encoding_of(transfer_syntax_uid), size)
    try:
        whole = walk.pixels_end_it()
    except (struct.error, EndsInside, Unclear):
        return False
    return whole and _disagreement(walk, whole, sop_class_uid, sop_instance_uid) is None


def _fault(walk: Walk, sop_class_uid: str, sop_instance_uid: str) -> Fault | None:
    try:
        complete = walk.run()
    except EndsInside as end:
        return status.CANNOT_UNDERSTAND, f"the data set is cut off: {end}"
    return _disagreement(walk, complete, sop_class_uid, sop_instance_uid)


def _disagreement(walk: Walk, complete: bool, sop_class_uid: str, sop_instance_uid: str) -> Fault | None:
    instance, sop_class = walk.uid(SOP_INSTANCE), walk.uid(SOP_CLASS)
    if instance is None and not complete and walk.last < SOP_INSTANCE:
        return status.CANNOT_UNDERSTAND, "the bytes are no data set in their transfer syntax"
    if not instance:
        return status.DATASET_DOES_NOT_MATCH, "the data set has no SOP Instance UID (0008,0018)"
    if instance != sop_instance_uid:
        return status.DATASET_DOES_NOT_MATCH, "(0008,0018) is not the SOP Instance UID of the command"
    looked_at = complete or walk.last > STUDY
    if not sop_class and looked_at:
        return status.DATASET_DOES_NOT_MATCH, "the data set has no SOP Class UID (0008,0016)"
    if sop_class and sop_class != sop_class_uid:
        return status.DATASET_DOES_NOT_MATCH, "(0008,0016) is not the SOP Class UID of the command"
    if looked_at and not walk.uid(STUDY) and _belongs_to_a_study(sop_class_uid):
        return status.DATASET_DOES_NOT_MATCH, "the data set has no Study Instance UID (0020,000D)"
    return None


def _belongs_to_a_study(sop_class_uid: str) -> bool:
    composite = sop_class_uid.startswith(_COMPOSITE) and not sop_class_uid.startswith(_WITHOUT_STUDY)
    return composite and is_storage(sop_class_uid)
