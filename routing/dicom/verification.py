"""Verification SCU: C-ECHO a node and time it, and see which storage contexts it accepts."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from routing.dicom import command
from routing.dicom.association_failures import AssociationFailed, ExchangeFailed
from routing.dicom.contexts import IMPLICIT_VR_LITTLE_ENDIAN, VERIFICATION, Context
from routing.dicom.requestor import NodeAddress, Requestor
from routing.dicom.status import SUCCESS, describe


@dataclass(frozen=True, slots=True)
class EchoResult:
    ok: bool
    latency_ms: float
    """From connecting to the answer, or to the failure."""
    message: str
    """For people: what the node answered, or why there is no answer."""
    accepted: Mapping[str, tuple[str, ...]] | None = None
    """Transfer syntaxes of each further SOP class that it takes; None: there was no association."""
    unknown_caller: bool = False
    """It rejected the association for the calling AE title, which tells that it lives."""


def echo(address: NodeAddress, further: Sequence[Context] = ()) -> EchoResult:
    """
    Associate, C-ECHO, release; never raises for what a node does.

    ``further`` contexts (127 at most) are proposed beside Verification and not used.
    """
    started = time.monotonic()
    accepted: dict[str, tuple[str, ...]] | None = None

    def result(ok: bool, message: str) -> EchoResult:
        return EchoResult(ok, (time.monotonic() - started) * 1000, message, accepted)

    try:
        requestor = Requestor(address, [(VERIFICATION, (IMPLICIT_VR_LITTLE_ENDIAN,)), *further])
    except AssociationFailed as error:
        return replace(result(False, str(error)), unknown_caller=error.unknown_caller)
    accepted = {}
    for abstract_syntax, transfer_syntax in sorted(requestor.accepted, key=lambda pair: requestor.accepted[pair]):
        if abstract_syntax != VERIFICATION:
            accepted[abstract_syntax] = (*accepted.get(abstract_syntax, ()), transfer_syntax)
    context_id = requestor.accepted.get((VERIFICATION, IMPLICIT_VR_LITTLE_ENDIAN))
    if context_id is None:
        requestor.release()
        return result(False, f"{address} accepts the association but not C-ECHO")
    try:
        request = command.echo_request(requestor.next_message_id(), VERIFICATION)
        response = requestor.exchange(context_id, request)
    except ExchangeFailed as error:
        return result(False, str(error))
    answered = result(response.status == SUCCESS, f"{address} answered {describe(response.status)}")
    requestor.release()
    return answered
