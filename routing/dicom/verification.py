"""Verification SCU: C-ECHO a node and time it."""

import time
from dataclasses import dataclass

from routing.dicom import command
from routing.dicom.contexts import IMPLICIT_VR_LITTLE_ENDIAN, VERIFICATION
from routing.dicom.requestor import AssociationFailed, ExchangeFailed, NodeAddress, Requestor
from routing.dicom.status import SUCCESS, describe


@dataclass(frozen=True, slots=True)
class EchoResult:
    ok: bool
    latency_ms: float
    """From connecting to the answer, or to the failure."""
    message: str
    """For people: what the node answered, or why there is no answer."""


def echo(address: NodeAddress) -> EchoResult:
    """Associate, C-ECHO, release; never raises for what a node does."""
    started = time.monotonic()

    def result(ok: bool, message: str) -> EchoResult:
        return EchoResult(ok, (time.monotonic() - started) * 1000, message)

    try:
        requestor = Requestor(address, [(VERIFICATION, (IMPLICIT_VR_LITTLE_ENDIAN,))])
    except AssociationFailed as error:
        return result(False, str(error))
    context_id = requestor.accepted.get((VERIFICATION, IMPLICIT_VR_LITTLE_ENDIAN))
    if context_id is None:
        requestor.release()
        return result(False, f"{address} accepts the association but not C-ECHO")
    try:
        request = command.echo_request(requestor.next_message_id(), VERIFICATION)
        response, _ = requestor.exchange(context_id, request)
    except ExchangeFailed as error:
        return result(False, str(error))
    answered = result(response.status == SUCCESS, f"{address} answered {describe(response.status)}")
    requestor.release()
    return answered
