"""One C-STORE being received: checked by its command, streamed into the spool, made durable, handed on."""

import logging
import mmap
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from routing.core.instance import ReceivedInstance, RefusedInstance
from routing.dicom import status
from routing.dicom.associate import AssociationRequest, is_uid
from routing.dicom.command import Command
from routing.dicom.soundness import fault_in, is_sound_at_a_glance
from routing.spool.part import Part
from routing.spool.quarantined import set_aside
from routing.spool.spool import Spool
from scripts_app.core.dataset.encoding import DEFLATED
from scripts_app.core.dataset.file_meta import encode_file_meta

log = logging.getLogger("capacitor.dicom")

Reply = tuple[int, str]
"""A status and, when it is not Success, why."""

_EXPLICIT_VR_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_HEAD_BYTES = 16 * 1024
"""Of the data set, kept for the look at it: as much as most headers have before their pixel data."""
_TRIES_FOR_AN_IDENTIFIER = 8


@dataclass(frozen=True, slots=True)
class StorePorts:
    """Where received instances go."""

    spool: Spool
    new_id: Callable[[], int]
    stored: Callable[[ReceivedInstance], None]
    has_room: Callable[[], bool]
    refused: Callable[[RefusedInstance], None] = lambda _: None
    max_object_bytes: int = 4 << 30
    checks: bool = True
    """Whether a data set has to be whole and what its command says."""


class IncomingStore:
    """
    One instance on its way into the spool.

    Whatever goes wrong on this side never ends the association: the rest of
    the data set is read and thrown away, and ``finish`` tells the status.
    """

    def __init__(
        self,
        ports: StorePorts,
        association: AssociationRequest,
        association_id: str,
        accepted_for: str,
        command: Command,
        abstract_syntax: str,
        transfer_syntax_uid: str,
    ) -> None:
        self._ports = ports
        self._association = association
        self._association_id = association_id
        self._accepted_for = accepted_for
        self._command = command
        self._abstract_syntax = abstract_syntax
        self._transfer_syntax_uid = transfer_syntax_uid
        self._received_at = datetime.now(UTC)
        self._part: Part | None = None
        self._pieces: list[memoryview] = []
        self._dataset_offset = 0
        self._head = b""
        self._trouble: OSError | None = None
        self._taken = 0

    def refuse(self) -> Reply | None:
        """Tell what is wrong with the command alone, or that there is no room; None: go on with ``begin``."""
        if not is_uid(self._command.sop_instance_uid):
            return status.INVALID_OBJECT_INSTANCE, "affected SOP instance UID missing or not a UID"
        if not is_uid(self._command.sop_class_uid):
            return status.DATASET_DOES_NOT_MATCH, "affected SOP class UID missing or not a UID"
        if self._command.sop_class_uid != self._abstract_syntax:
            return status.SOP_CLASS_NOT_SUPPORTED, "not the SOP class of the presentation context"
        if not self._command.has_dataset:
            return status.CANNOT_UNDERSTAND, "no data set"
        if not self._ports.has_room():
            return status.OUT_OF_RESOURCES, "out of storage space"
        return None

    def note_refusal(self, reply: Reply) -> None:
        """Hand on that a command was refused of which no file is kept."""
        if reply[0] != status.OUT_OF_RESOURCES:
            self._note(self._ports.new_id(), None, reply, kept=False)

    def begin(self) -> None:
        """Open the file and write what stands before the data set."""
        try:
            self._part = part = self._new_part()
            peer = self._association
            meta = encode_file_meta(
                self._command.sop_class_uid,
                self._command.sop_instance_uid,
                self._transfer_syntax_uid,
                calling_ae_title=peer.calling_ae_title,
                called_ae_title=peer.called_ae_title,
                private={
                    "id": part.identifier,
                    "calling": peer.calling_ae_title,
                    "called": peer.called_ae_title,
                    "peer": peer.peer_address,
                    "association": self._association_id,
                    "received": self._received_at.isoformat(),
                    "accepted_for": self._accepted_for,
                },
            )
            self._dataset_offset = len(meta)
            self._pieces.append(memoryview(meta))
        except OSError as error:
            self._fail(error)

    def add(self, piece: memoryview) -> None:
        """Take the next bytes of the data set; the view is used until ``flush``."""
        self._taken += len(piece)
        if self._too_large:
            # The sender hears why when it is through; until then nothing is kept.
            self.discard()
        if len(self._head) < _HEAD_BYTES:
            self._head += bytes(piece[: _HEAD_BYTES - len(self._head)])
        if self._part is not None:
            self._pieces.append(piece)

    def flush(self) -> None:
        """Write the pieces taken so far."""
        pieces, self._pieces = self._pieces, []
        if self._part is not None and pieces:
            try:
                self._part.write(pieces)
            except OSError as error:
                self._fail(error)

    def finish(self) -> Reply:
        """
        The data set has come whole: make the file durable, hand it on, then say Success.

        Success lets a modality delete its copy, so nothing may come between
        the durable file and the answer but the call that queues its row.
        """
        self.flush()
        part = self._part
        if self._too_large:
            reply = status.OUT_OF_RESOURCES, f"larger than {self._ports.max_object_bytes >> 20} MiB"
            self._note(self._ports.new_id(), None, reply, kept=False)
            return reply
        if part is None:
            return self._out_of_resources()
        try:
            fault = self._fault_in(part)
            if fault is not None:
                self._set_aside(part, fault)
                return fault
            part.commit()
        except OSError as error:
            self._fail(error)
            return self._out_of_resources()
        try:
            self._ports.stored(self._instance(part.identifier, part))
        except Exception:
            log.exception("item %d could not be queued", part.identifier)
            self._ports.spool.discard(part.identifier)
            return status.OUT_OF_RESOURCES, "could not be queued"
        return status.SUCCESS, ""

    def note_abort(self) -> None:
        """Hand on that the sender went so far beyond the limit that it gets no answer; people hear of it."""
        why = f"larger than twice {self._ports.max_object_bytes >> 20} MiB: its association was aborted"
        self._note(self._ports.new_id(), None, (status.OUT_OF_RESOURCES, why), kept=False)

    def discard(self) -> None:
        """Leave nothing behind, unless ``finish`` made the file durable."""
        self._pieces = []
        if self._part is not None:
            self._part.discard()
            self._part = None

    @property
    def _too_large(self) -> bool:
        return self._taken > self._ports.max_object_bytes

    def _fault_in(self, part: Part) -> Reply | None:
        what_is_wrong = self._look_at_head()
        if what_is_wrong:
            return status.CANNOT_UNDERSTAND, what_is_wrong
        if not self._ports.checks:
            return None
        asked = self._command
        glance = (self._transfer_syntax_uid, asked.sop_class_uid, asked.sop_instance_uid)
        if is_sound_at_a_glance(self._head, self._taken, *glance):
            return None
        with mmap.mmap(part.fd, 0, prot=mmap.PROT_READ) as content:
            return fault_in(content, self._dataset_offset, *glance)

    def _set_aside(self, part: Part, fault: Reply) -> None:
        """Into the quarantine, for people to look at; the sender hears of a failure and keeps its copy."""
        kept = bool(self._head)
        if kept:
            set_aside(self._ports.spool, part)
        self._note(part.identifier, part, fault, kept=kept)

    def _note(self, identifier: int, part: Part | None, fault: Reply, *, kept: bool) -> None:
        answer, reason = fault
        instance = self._instance(identifier, part)
        try:
            self._ports.refused(RefusedInstance(instance, answer, reason, kept))
        except Exception:
            log.exception("refused instance %d could not be noted", identifier)

    def _new_part(self) -> Part:
        for _ in range(_TRIES_FOR_AN_IDENTIFIER):
            try:
                return self._ports.spool.begin(self._ports.new_id())
            except FileExistsError as error:
                log.warning("%s: was the clock set back?", error)
        raise OSError(f"{_TRIES_FOR_AN_IDENTIFIER} identifiers in turn already had files")

    def _instance(self, identifier: int, part: Part | None) -> ReceivedInstance:
        return ReceivedInstance(
            id=identifier,
            calling_ae_title=self._association.calling_ae_title,
            called_ae_title=self._association.called_ae_title,
            peer_address=self._association.peer_address,
            association_id=self._association_id,
            sop_class_uid=self._command.sop_class_uid,
            sop_instance_uid=self._command.sop_instance_uid,
            transfer_syntax_uid=self._transfer_syntax_uid,
            received_at=self._received_at,
            dataset_offset=self._dataset_offset,
            accepted_for=self._accepted_for,
            size=part.size if part else 0,
            checksum=part.checksum if part else None,
        )

    def _look_at_head(self) -> str:
        """Tell why the bytes cannot be a data set, as far as their first ones show; empty: they can."""
        head = self._head
        if not head:
            return "the data set is empty"
        if self._transfer_syntax_uid in DEFLATED:
            # The first bytes are not an element.
            return ""
        if head[128:132] == b"DICM":
            return "a whole DICOM file instead of a data set"
        big_endian = self._transfer_syntax_uid == _EXPLICIT_VR_BIG_ENDIAN
        group = int.from_bytes(head[:2], "big" if big_endian else "little")
        if len(head) < 8 or group in (0x0000, 0x0002):
            # Group 0002 would also run together with the file meta information written before it.
            return f"the data set begins with group {group:04X}"
        return ""

    def _fail(self, error: OSError) -> None:
        if self._trouble is None:
            log.error("association %s: cannot store: %s", self._association_id, error)
            self._trouble = error
        self.discard()

    def _out_of_resources(self) -> Reply:
        return status.OUT_OF_RESOURCES, f"cannot store: {self._trouble and self._trouble.strerror}"
