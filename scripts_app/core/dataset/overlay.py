"""Edits laid over the indexed bytes: a data set and its sequences."""

from __future__ import annotations

from scripts_app.core.dataset.character_sets import SPECIFIC_CHARACTER_SET
from scripts_app.core.dataset.dictionary import named, written
from scripts_app.core.dataset.encoding import IMPLICIT_LITTLE, Encoding
from scripts_app.core.dataset.errors import DatasetError, NotIndexable
from scripts_app.core.dataset.index import Buffer, Index, Raw, RawItem, raw_items, scan
from scripts_app.core.dataset.journal import Edited, Journal, Literal
from scripts_app.core.dataset.places import place_of
from scripts_app.core.dataset.vr import vr_here

_NOTHING = object()


class Dataset:
    """The top-level data set, or one sequence item."""

    __slots__ = ("_opened", "buffer", "edits", "encoding", "end", "index", "journal", "owner", "place", "raw", "start")

    def __init__(
        self,
        buffer: Buffer,
        journal: Journal,
        encoding: Encoding,
        index: Index,
        start: int,
        end: int,
        owner: Sequence | None = None,
        raw: RawItem | None = None,
    ) -> None:
        self.buffer = buffer
        self.journal = journal
        self.encoding = encoding
        self.index = index
        self.start = start
        self.end = end
        self.owner = owner
        self.raw = raw
        """Where the item stands in the file; None for a new item and for the top level."""
        self.place = 0
        """Where it stood among the items when somebody last looked; ``Sequence.number_of`` knows."""
        self.edits: dict[int, Edited] = {}
        self._opened: dict[int, Sequence] = {}

    def __contains__(self, tag: int) -> bool:
        if tag in self.edits:
            return self.edits[tag] is not None
        return tag in self.index

    def tags(self) -> list[int]:
        """Tags of the elements there are now, in order."""
        if not self.edits:
            return list(self.index)
        return sorted({*self.index, *self.edits} - {tag for tag, edited in self.edits.items() if edited is None})

    def depth(self) -> int:
        depth, owner = 0, self.owner
        while owner is not None:
            depth, owner = depth + 1, owner.parent.owner
        return depth

    def value(self, tag: int) -> bytes | None:
        """The bytes of a value; None when the element is absent or a sequence with edits."""
        edited = self.edits.get(tag, _NOTHING)
        if edited is _NOTHING:
            raw = self.index.get(tag)
            return None if raw is None else bytes(self.buffer[raw[2] : raw[3]])
        return edited.value if isinstance(edited, Literal) else None

    def length(self, tag: int) -> int:
        """Bytes of a value that is there, without reading it."""
        edited = self.edits.get(tag)
        if isinstance(edited, Literal):
            return len(edited.value)
        raw = self.index[tag]
        return raw[3] - raw[2]

    def character_sets(self) -> str:
        """The value of (0008,0005) in force here; items inherit it (PS3.3 C.12.1.1.2)."""
        value = self.value(SPECIFIC_CHARACTER_SET)
        if value is not None:
            return value.decode("latin-1").rstrip("\0 ")
        return self.owner.parent.character_sets() if self.owner else ""

    def sequence(self, tag: int) -> Sequence | None:
        """An element as a sequence; None when absent.  DatasetError when it is none or cannot be read."""
        edited = self.edits.get(tag, _NOTHING)
        if isinstance(edited, Sequence):
            return edited
        raw = self.index.get(tag)
        if edited is None or (raw is None and edited is _NOTHING):
            return None
        vr = edited.vr if isinstance(edited, Literal) else vr_here(self, tag)
        if vr != b"SQ" or raw is None:
            raise DatasetError(f"{named(tag)} is no sequence, its VR is {vr.decode()}")
        if tag not in self._opened:
            self._opened[tag] = Sequence.opened(self, tag, raw)
        return self._opened[tag]

    def put(self, tag: int, edited: Edited) -> None:
        """
        Lay an edit over an element.

        A literal equal to the received bytes is no edit, nor is the removal of
        what was not received.  The group's length (gggg,0000) is wrong as long
        as something in it is edited; it is retired and dropped then.
        """
        group_length = tag & 0xFFFF0000
        if self._as_received(tag, edited):
            self.refuse_removed()
            self.journal.forget(self.edits, tag)
            if not any(tag & 0xFFFF0000 == group_length for tag in self.edits if tag != group_length):
                self.journal.forget(self.edits, group_length)
            return
        self.touch()
        self.journal.assign(self.edits, tag, edited)
        if group_length in self.index and self.edits.get(group_length, _NOTHING) is not None:
            self.journal.assign(self.edits, group_length, None)

    def _as_received(self, tag: int, edited: Edited) -> bool:
        raw = self.index.get(tag)
        if raw is None or not isinstance(edited, Literal):
            return raw is None and edited is None
        return (
            raw[0] in (edited.vr, b"")
            and raw[3] == raw[4]
            and raw[3] - raw[2] == len(edited.value)
            and bytes(self.buffer[raw[2] : raw[3]]) == edited.value
        )

    def touch(self) -> None:
        """Make sure that an edit here will be written: the sequences above count as edited too."""
        if self.owner is not None:
            self.refuse_removed()
            self.owner.touch()

    def refuse_removed(self) -> None:
        """DatasetError when this item is no longer part of the data set."""
        item, owner = self, self.owner
        while owner is not None:
            if not owner.number_of(item):
                raise DatasetError(f"this item of {named(owner.tag)} has been removed")
            # One made here is in the edits only.
            if owner.parent.edits.get(owner.tag, owner if owner.raw else None) is not owner:
                raise DatasetError(f"this sequence {named(owner.tag)} has been removed or replaced")
            item, owner = owner.parent, owner.parent.owner

    def copied(self, journal: Journal, owner: Sequence | None) -> Dataset:
        """The same with an overlay of its own; bytes and index are shared."""
        copy = Dataset(self.buffer, journal, self.encoding, self.index, self.start, self.end, owner, self.raw)
        copy.edits = {
            tag: edited.copied(copy) if isinstance(edited, Sequence) else edited for tag, edited in self.edits.items()
        }
        return copy


class Sequence:
    """A sequence whose items have been opened."""

    __slots__ = ("encoding", "items", "parent", "raw", "removed", "tag", "vr")

    def __init__(
        self, parent: Dataset, tag: int, encoding: Encoding, raw: Raw | None = None, vr: bytes = b"SQ"
    ) -> None:
        self.parent = parent
        self.tag = tag
        self.encoding = encoding
        """Of the items."""
        self.raw = raw
        self.vr = vr
        self.items: list[Dataset] = []
        self.removed = 0
        """How many items were removed one by one; where each stands now follows from that."""

    @classmethod
    def opened(cls, parent: Dataset, tag: int, raw: Raw) -> Sequence:
        """Read a sequence of the file; DatasetError when its bytes make no sense."""
        # Items inside UN are implicit VR little endian, whatever the transfer syntax (PS3.5 6.2.2).
        encoding = IMPLICIT_LITTLE if raw[0] == b"UN" else parent.encoding
        sequence = cls(parent, tag, encoding, raw, raw[0] or b"SQ")
        buffer, depth = parent.buffer, parent.depth() + 1
        try:
            found, _ = raw_items(buffer, raw[2], raw[3], encoding, delimited=False, depth=depth)
            for item in found:
                index, _ = scan(buffer, item.start, item.stop, encoding, ordered=False, depth=depth)
                opened = Dataset(buffer, parent.journal, encoding, index, item.start, item.stop, sequence, item)
                opened.place = len(sequence.items)
                sequence.items.append(opened)
        except NotIndexable as error:
            raise DatasetError(f"{named(tag)} cannot be read: {error}") from None
        return sequence

    def number_of(self, item: Dataset) -> int:
        """Its number among the items, from 1; 0 when it is none of them any more."""
        item.place = place_of(item, self.items, item.place, self.removed)
        return item.place + 1

    def touch(self) -> None:
        """Stand over the received sequence in the parent, and so on up to the top."""
        if self.parent.edits.get(self.tag) is not self:
            self.parent.put(self.tag, self)

    def append(self) -> Dataset:
        """A new, empty item at the end."""
        self.touch()
        item = Dataset(self.parent.buffer, self.parent.journal, self.encoding, {}, 0, 0, self)
        item.place = len(self.items)
        self.parent.journal.append_item(self, item)
        return item

    def remove(self, item: Dataset) -> None:
        item.touch()
        self.parent.journal.remove_item(self, self.number_of(item) - 1)
        self.removed += 1

    def copied(self, parent: Dataset) -> Sequence:
        copy = Sequence(parent, self.tag, self.encoding, self.raw, self.vr)
        copy.items = [item.copied(parent.journal, copy) for item in self.items]
        for place, item in enumerate(copy.items):
            item.place = place
        return copy


def path_of(dataset: Dataset, tag: int | None = None) -> str:
    """Where an element or, without a tag, an item stands, in numeric form."""
    path = "" if tag is None else written(tag)
    while dataset.owner is not None:
        sequence = dataset.owner
        step = f"{written(sequence.tag)}[{sequence.number_of(dataset)}]"
        path = f"{step}.{path}" if path else step
        dataset = sequence.parent
    return path
