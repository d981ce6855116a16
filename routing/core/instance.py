"""What crosses the border between the network and the queue: an instance received, one to send, and the answer."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ReceivedInstance:
    """
    One SOP instance that is durable in the spool.

    Everything here stands in the file itself or follows from it, so that a lost
    row can be made again from the file alone.
    """

    id: int
    calling_ae_title: str
    called_ae_title: str
    peer_address: str
    association_id: str
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    received_at: datetime
    dataset_offset: int
    """Bytes from the start of the file to the first byte of the data set as it came."""
    size: int
    """Bytes of the whole file."""
    accepted_for: str = ""
    """The node that the called AE title meant when the association was accepted (``Snapshot.accepted_for``)."""
    checksum: int | None = None
    """CRC-32 of the whole file; None when nobody has computed it."""


@dataclass(frozen=True, slots=True)
class RefusedInstance:
    """One SOP instance that was answered with a failure, because it is not what a Storage SCP may take."""

    instance: ReceivedInstance
    status: int
    """DIMSE status that the sender got."""
    reason: str
    """Quotes no value of the data set."""
    kept: bool
    """Its file is in the quarantine."""


@dataclass(frozen=True, slots=True)
class OutgoingInstance:
    """One SOP instance to send: its identifiers and a way to its bytes, none of which are copied."""

    item_id: int
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    open: Callable[[], AbstractContextManager[Sequence[memoryview]]]
    """The data set in order, as slices of memory maps and literals; valid inside the context only."""


@dataclass(frozen=True, slots=True)
class SendResult:
    """
    What became of one C-STORE.

    ``status`` is the DIMSE status (PS3.7 Annex C) or None when no answer came;
    then ``error`` says why.  ``refused_context`` is set when the association
    stands but the acceptor takes no context for this instance.
    """

    item_id: int
    status: int | None
    comment: str
    error: str
    started_at: datetime
    ended_at: datetime
    bytes_sent: int
    """Of the data set; without an answer, what the connection took of it."""
    refused_context: bool = False
    timed_out: bool = False
    """No answer, because a limit of time ended it."""
    released: bool = False
    """No answer, because the acceptor wanted to end the association in good order."""
