"""What a DIMSE status or the lack of one means: delivered, delivered with a warning, deferred, refused."""

from enum import Enum

from pynetdicom.status import STORAGE_SERVICE_CLASS_STATUS, code_to_category

from routing.core.instance import SendResult

SUCCESS = 0x0000
DUPLICATE_SOP_INSTANCE = 0x0111
PROCESSING_FAILURE = 0x0110
INVALID_OBJECT_INSTANCE = 0x0117
SOP_CLASS_NOT_SUPPORTED = 0x0122
UNRECOGNIZED_OPERATION = 0x0211
RESOURCE_LIMITATION = 0x0213
OUT_OF_RESOURCES = 0xA700
DATASET_DOES_NOT_MATCH = 0xA900
CANNOT_UNDERSTAND = 0xC000
PENDING = 0xFF00

_WARNINGS = {0x0001, 0x0107, 0x0116}
_DEFERRALS = {PROCESSING_FAILURE, RESOURCE_LIMITATION, 0xFF00, 0xFF01}


class Answer(Enum):
    """What becomes of an item after an attempt to send it."""

    DELIVERED = "delivered"
    WARNING = "delivered with a warning"
    DEFERRED = "tried again later"
    REFUSED = "not tried again"

    @property
    def word(self) -> str:
        """As rows keep it."""
        return self.name.lower()


def meaning(status: int | None, *, refused_context: bool = False, maybe_sent_before: bool = False) -> Answer:
    """
    Tell what an answer to a C-STORE means (PS3.4 B.2.3, PS3.7 Annex C).

    No status is no answer: the outcome is unknown, and sending again is safe,
    for a Storage SCP has to take an instance twice.  ``maybe_sent_before``: an
    earlier attempt ended without an answer, so *duplicate* tells that it arrived.
    """
    if refused_context:
        return Answer.REFUSED
    if status is None or status >> 8 == 0xA7 or status in _DEFERRALS:
        return Answer.DEFERRED
    if status == SUCCESS or (status == DUPLICATE_SOP_INSTANCE and maybe_sent_before):
        return Answer.DELIVERED
    if status >> 12 == 0xB or status in _WARNINGS:
        return Answer.WARNING
    return Answer.REFUSED


def meaning_of(result: SendResult, *, maybe_sent_before: bool = False) -> Answer:
    return meaning(result.status, refused_context=result.refused_context, maybe_sent_before=maybe_sent_before)


def describe(status: int | None) -> str:
    """Put a status in words, as in ``0xA700 (Failure: Refused: Out of Resources)``."""
    if status is None:
        return "no answer"
    if status in (0xFF00, 0xFF01):
        category, words = "Pending", ""
    else:
        category, words = STORAGE_SERVICE_CLASS_STATUS.get(status, (code_to_category(status), ""))
    told = "unknown status" if category == "Unknown" else ": ".join(filter(None, (category, words)))
    return f"0x{status:04X} ({told})"
