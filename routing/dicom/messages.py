"""DIMSE messages out of P-DATA: command sets whole, data sets fragment by fragment (PS3.8 9.3.5, annex E)."""

import math
import time
from collections.abc import Iterator

from routing.dicom import command
from routing.dicom.wire import (
    INVALID_PARAMETER,
    LARGEST_DATA_PDU,
    PDU_ABORT,
    PDU_ASSOCIATE_RQ,
    PDU_DATA,
    PDU_RELEASE_RQ,
    UNEXPECTED_PDU,
    UNRECOGNIZED_PDU,
    Inbound,
    WireError,
)

_LARGEST_COMMAND_SET = 64 * 1024
_SLOWEST_LINE = 2000
"""
Bytes a second.  Most requestors fill PDUs as large as the acceptor takes: over a line of 100 kbit/s, or a faster one
that four associations share, one of them is on its way for more than ten seconds.
"""


class Aborted(Exception):
    """The peer sent A-ABORT."""


class ReleaseRequested(Exception):
    """The peer sent A-RELEASE-RQ between two messages and waits for the answer."""


class TooLarge(WireError):
    """A data set goes on behind the last byte that would be read of it."""


class Messages:
    """Read messages of one association, in order."""

    def __init__(self, inbound: Inbound, idle_seconds: float) -> None:
        """``idle_seconds``: how long to wait for each PDU to begin, and for a command set to be whole."""
        self._inbound = inbound
        self.idle_seconds = idle_seconds
        self._left_in_pdu = 0

    def wait(self, until: float = math.inf) -> None:
        """Wait for the next message to begin."""
        while not self._left_in_pdu:
            self._next_pdu(until, between_messages=True)

    def command(self) -> tuple[int, command.Command]:
        """Read the next command set: presentation context id and command."""
        # Else fragments and PDUs without content could come for ever.
        until = time.monotonic() + self.idle_seconds
        self.wait(until)
        command_set = b""
        first_id = None
        while True:
            length, context_id, control = self._fragment(until)
            if not control & command.COMMAND_FRAGMENT:
                raise WireError("a data set without a command before it", INVALID_PARAMETER)
            if first_id not in (None, context_id):
                raise WireError("a command set that changes its presentation context", INVALID_PARAMETER)
            first_id = context_id
            if len(command_set) + length > _LARGEST_COMMAND_SET:
                raise WireError(f"a command set of more than {_LARGEST_COMMAND_SET} bytes")
            command_set += bytes(self._inbound.take(length))
            if control & command.LAST_FRAGMENT:
                return context_id, command.decode(command_set)

    def dataset(self, context_id: int, most: int) -> Iterator[memoryview]:
        """
        Read the data set that follows a command, in pieces as they come.

        A piece stays valid until the inbound side's ``before_reuse`` is
        called.  TooLarge when the data set is longer than ``most`` bytes.
        """
        total, last = 0, False
        while not last:
            length, fragment_context_id, control = self._fragment()
            if control & command.COMMAND_FRAGMENT:
                raise WireError("a command inside a data set", INVALID_PARAMETER)
            if fragment_context_id != context_id:
                raise WireError("a data set in another context than its command", INVALID_PARAMETER)
            total += length
            if total > most:
                raise TooLarge(f"a data set of more than {most} bytes")
            last = bool(control & command.LAST_FRAGMENT)
            while length:
                piece = self._inbound.some(length)
                length -= len(piece)
                yield piece

    def _next_pdu(self, until: float, between_messages: bool = False) -> None:
        kind, length = self._inbound.header(self.idle_seconds, until, _SLOWEST_LINE)
        if kind == PDU_DATA:
            if length > LARGEST_DATA_PDU:
                raise WireError(f"a P-DATA PDU of {length} bytes")
            self._left_in_pdu = length
        elif kind == PDU_ABORT:
            raise Aborted
        elif kind == PDU_RELEASE_RQ and between_messages:
            if length != 4:
                raise WireError(f"an A-RELEASE-RQ of {length} bytes", INVALID_PARAMETER)
            self._inbound.take(length)
            raise ReleaseRequested
        else:
            known = PDU_ASSOCIATE_RQ <= kind < PDU_ABORT
            raise WireError(f"PDU type {kind:02X} out of place", UNEXPECTED_PDU if known else UNRECOGNIZED_PDU)

    def _fragment(self, until: float = math.inf) -> tuple[int, int, int]:
        """Begin the next fragment: length, presentation context id, message control header."""
        while not self._left_in_pdu:
            self._next_pdu(until)
        size = command.PDV_HEADER.size
        if self._left_in_pdu < size:
            raise WireError("a P-DATA PDU ends inside the header of a fragment", INVALID_PARAMETER)
        length, context_id, control = command.PDV_HEADER.unpack(self._inbound.take(size))
        self._left_in_pdu -= length + 4
        if length < 2 or self._left_in_pdu < 0:
            raise WireError("a fragment is longer than its PDU", INVALID_PARAMETER)
        return length - 2, context_id, control
