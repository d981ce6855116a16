"""Storage SCU: send instances over one association, one result each."""

from collections.abc import Sequence
from datetime import UTC, datetime

from routing.core.instance import OutgoingInstance, SendResult
from routing.dicom import command
from routing.dicom.association_failures import ExchangeFailed
from routing.dicom.contexts import Context
from routing.dicom.requestor import NodeAddress, Requestor
from routing.dicom.status import PENDING


class StorageAssociation:
    """
    An open association to a Storage SCP; for one thread at a time.

    Record each result before the release: a peer may fail at that, and what
    it answered before counts all the same.
    """

    def __init__(self, requestor: Requestor) -> None:
        self._requestor = requestor

    @classmethod
    def open(cls, address: NodeAddress, contexts: Sequence[Context]) -> "StorageAssociation":
        """Propose 1 to 128 contexts (``contexts.plan`` makes them); AssociationFailed says why not."""
        return cls(Requestor(address, contexts))

    @property
    def broken(self) -> str:
        """Why nothing can be sent any more; empty: all is well."""
        return self._requestor.broken

    @property
    def is_over(self) -> bool:
        """Whether it is broken, or the node has ended it since its last answer."""
        return self._requestor.is_over

    def accepts(self, sop_class_uid: str, transfer_syntax_uid: str) -> bool:
        return (sop_class_uid, transfer_syntax_uid) in self._requestor.accepted

    def send(self, instance: OutgoingInstance, priority: int = 0, deadline_seconds: float | None = None) -> SendResult:
        """
        Send one instance and wait for the answer; never raises for what a peer does.

        ``priority``: 0 medium, 1 high, 2 low (PS3.7 9.3.1.1).  ``deadline_seconds``
        ends even a sending that progresses.  An OSError of opening the file is the caller's.
        """
        started_at = datetime.now(UTC)
        pair = (instance.sop_class_uid, instance.transfer_syntax_uid)
        context_id = self._requestor.accepted.get(pair)
        node = self._requestor.address
        if self._requestor.broken:
            return _result(instance, started_at, error=f"{node}: {self._requestor.broken}")
        if context_id is None:
            why = f"{node} does not accept SOP class {pair[0]} in transfer syntax {pair[1]}"
            return _result(instance, started_at, error=why, refused_context=True)
        request = command.store_request(
            self._requestor.next_message_id(), instance.sop_class_uid, instance.sop_instance_uid, priority
        )
        try:
            with instance.open() as dataset:
                response = self._requestor.exchange(context_id, request, dataset, deadline_seconds)
        except ExchangeFailed as error:
            # Slow and dear lines are where it matters how much went over them for nothing.
            return _result(
                instance,
                started_at,
                error=str(error),
                bytes_sent=self._requestor.progress.sent,
                timed_out=error.timed_out,
                released=error.released,
            )
        sent = self._requestor.progress.sent
        why = _what_is_wrong(response, instance)
        if why:
            self._requestor.abort()
            return _result(instance, started_at, error=f"{node}: {why}", bytes_sent=sent)
        return _result(instance, started_at, response.status, response.comment, bytes_sent=sent)

    def release(self) -> None:
        """End in order; failures here change nothing and are not told."""
        self._requestor.release()

    def abort(self) -> None:
        """End at once; also to be called when the caller gives up half-way."""
        self._requestor.abort()


def _what_is_wrong(response: command.Command, instance: OutgoingInstance) -> str:
    """A response that is not certainly about this instance must never count as Success."""
    if response.sop_instance_uid not in ("", instance.sop_instance_uid):
        return "answered for another SOP instance"
    if response.status is None:
        return "answered without a status"
    if response.status == PENDING:
        return "answered Pending, which C-STORE does not have"
    return ""


def _result(
    instance: OutgoingInstance,
    started_at: datetime,
    status: int | None = None,
    comment: str = "",
    error: str = "",
    bytes_sent: int = 0,
    refused_context: bool = False,
    timed_out: bool = False,
    released: bool = False,
) -> SendResult:
    return SendResult(
        item_id=instance.item_id,
        status=status,
        comment=comment,
        error=error,
        started_at=started_at,
        ended_at=datetime.now(UTC),
        bytes_sent=bytes_sent,
        refused_context=refused_context,
        timed_out=timed_out,
        released=released,
    )
