"""The file of an item for a person: as it was received, or as it is sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from routing.engine.delivering.outgoing import Outgoing, meta_of
from routing.engine.delivering.source import FileDamaged, FileMissing, Source
from routing.models import QueueItem
from routing.queue.claims import Deliverable
from routing.spool.spool import Spool
from scripts_app.core.dataset.file_meta import FileMeta, NotPart10, encode_file_meta

_PIECE = 1 << 20


class Form(StrEnum):
    RECEIVED = "received"
    """As the modality sent it."""
    SENT = "sent"
    """With what the scripts made of it, in the transfer syntax it leaves in."""


class NoSuchFile(Exception):
    """The item has no file of this form; the text says why."""


@dataclass(frozen=True, slots=True)
class ItemFile:
    """Where the data set of an item is, and what its file meta information says."""

    source: Source
    meta: FileMeta

    def content(self) -> Iterator[bytes]:
        """
        A complete Part 10 file, in pieces of at most 1 MiB.

        The file meta information is written anew: what the spool keeps in its
        own (addresses, association) is nobody else's business.
        """
        yield self._head()
        with self.source.open() as slices:
            for part in slices:
                for at in range(0, len(part), _PIECE):
                    yield bytes(part[at : at + _PIECE])

    def length(self) -> int:
        """Bytes of the complete file."""
        with self.source.open() as slices:
            # A map of a large file gives its pieces by iteration alone.
            return len(self._head()) + sum(len(part) for part in slices)

    def _head(self) -> bytes:
        return encode_file_meta(
            self.meta.media_storage_sop_class_uid,
            self.meta.media_storage_sop_instance_uid,
            self.meta.transfer_syntax_uid,
        )


def item_file(item: QueueItem, spool: Spool, form: Form) -> ItemFile:
    """The file of an item; NoSuchFile when it is gone, damaged, or not made yet."""
    if item.purged_at:
        raise NoSuchFile("The file has been removed: its time was over.")
    if form is Form.SENT and not item.prepared_at:
        raise NoSuchFile("What is to be sent is known once the scripts have finished it.")
    try:
        if form is Form.SENT:
            outgoing, what = Outgoing(spool), _deliverable(item)
            source = outgoing.transcoded(what) or outgoing.source(what)
            source.check()
            meta = FileMeta(source.transfer_syntax_uid, item.sop_class_uid, item.sop_instance_uid, 0, None)
            return ItemFile(source, meta)
        path = spool.path(item.received_id)
        meta = meta_of(path)
    except FileMissing:
        raise NoSuchFile("The file is missing from the spool.") from None
    except OSError as error:
        raise NoSuchFile(f"The file cannot be read: {error.strerror}.") from None
    except (FileDamaged, NotPart10, ValueError) as error:
        raise NoSuchFile(f"The file cannot be read: {error}.") from None
    return ItemFile(Source(path, meta.dataset_offset, None, meta.transfer_syntax_uid), meta)


def _deliverable(item: QueueItem) -> Deliverable:
    return Deliverable(
        id=item.id,
        received_id=item.received_id,
        source_ae_title=item.source_ae_title,
        sop_class_uid=item.sop_class_uid,
        sop_instance_uid=item.sop_instance_uid,
        transfer_syntax_uid=item.transfer_syntax_uid,
        dataset_offset=item.dataset_offset,
        size=item.size,
        recipe=None if item.recipe is None else bytes(item.recipe),
        prepared_file=item.prepared_file,
        attempt_count=item.attempt_count,
        checksum=item.checksum,
    )
