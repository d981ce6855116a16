"""One received file and the edits laid over it."""

from __future__ import annotations

import mmap
from hashlib import blake2b
from pathlib import Path
from types import TracebackType

from scripts_app.core.dataset.brief import IDENTITY_TAGS, identity_of
from scripts_app.core.dataset.character_sets import SPECIFIC_CHARACTER_SET
from scripts_app.core.dataset.edits import EditRecord
from scripts_app.core.dataset.encoding import EXPLICIT_LITTLE, encoding_of
from scripts_app.core.dataset.errors import DatasetError, NotIndexable
from scripts_app.core.dataset.file_meta import PREAMBLE_LENGTH, FileMeta, NotPart10, read_file_meta
from scripts_app.core.dataset.index import Buffer, scan
from scripts_app.core.dataset.journal import Journal, Mark
from scripts_app.core.dataset.overlay import Dataset
from scripts_app.core.dataset.recipe import Recipe, joined
from scripts_app.core.dataset.view import View
from scripts_app.core.dataset.writing import parts_of
from scripts_app.core.outcome import Identity

__all__ = ["DatasetError", "Document", "EditRecord", "Mark", "NotIndexable", "View"]


_IDENTIFYING = frozenset((*IDENTITY_TAGS.values(), SPECIFIC_CHARACTER_SET))
"""Edits of other elements change nothing of the identity."""


class Document:
    """
    One received file and the edits laid over it.

    The file is mapped, not read: what is untouched stays on disk, pixel data
    always.  Clones share map and index; either sees only its own edits.
    """

    __slots__ = ("_dataset", "_group_2", "_identity", "_map", "file_meta", "root")

    def __init__(self, mapped: mmap.mmap, file_meta: FileMeta, dataset: Dataset, group_2: _FileMetaElements) -> None:
        self._map = mapped
        self._group_2 = group_2
        self._dataset = dataset
        self._identity: Identity | None = None
        """As the file says it, once somebody has asked."""
        self.file_meta = file_meta
        self.root = View(dataset, group_2)
        """The top-level data set."""

    @classmethod
    def open(cls, path: Path, received: bytes = b"") -> Document:
        """
        Map and index a file; NotIndexable says why the slow path must do it.  OSError when it is not there.

        ``received``: the head of the file that this one stands for, whose file meta information scripts read.
        """
        with open(path, "rb", buffering=0) as file:
            try:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except ValueError:
                raise NotIndexable("the file is empty") from None
        try:
            file_meta = read_file_meta(mapped)
            encoding = encoding_of(file_meta.transfer_syntax_uid)
            # In whatever order: as it stands it leaves, but for what a script changes.
            index, end = scan(mapped, file_meta.dataset_offset, len(mapped), encoding, ordered=False)
        except NotPart10 as error:
            mapped.close()
            raise NotIndexable(str(error)) from None
        except NotIndexable:
            mapped.close()
            raise
        dataset = Dataset(mapped, Journal(), encoding, index, file_meta.dataset_offset, end)
        if received:
            return cls(mapped, file_meta, dataset, _FileMetaElements(received, read_file_meta(received).dataset_offset))
        return cls(mapped, file_meta, dataset, _FileMetaElements(mapped, file_meta.dataset_offset))

    def __enter__(self) -> Document:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Unmap the file, for all clones too; views and clones are of no use afterwards."""
        self._map.close()

    @property
    def dataset(self) -> Dataset:
        """The elements with the edits over them."""
        return self._dataset

    @property
    def transfer_syntax_uid(self) -> str:
        return self.file_meta.transfer_syntax_uid

    def mark(self) -> Mark:
        """A point to which rollback() can return; marks nest."""
        return self._dataset.journal.mark()

    def rollback(self, mark: Mark) -> None:
        """Take back all edits since the mark."""
        self._dataset.journal.rollback(mark)

    def clone(self) -> Document:
        """The same with an overlay of its own, in about a microsecond per edit."""
        return Document(self._map, self.file_meta, self._dataset.copied(Journal(), None), self._group_2)

    def recipe(self) -> Recipe | None:
        """The edited data set as ranges of the file and literals; None when no byte changes."""
        if not self._dataset.edits:
            return None
        recipe = joined(list(parts_of(self._dataset)))
        return None if self._is_received(recipe) else recipe

    def head(self, recipe: Recipe | None, most: int) -> tuple[bytes, bool]:
        """The first ``most`` bytes of the data set that a recipe makes (None: as received), and whether that is cut."""
        taken = bytearray()
        whole = recipe or Recipe(((self._dataset.start, self._dataset.end),))
        with memoryview(self._map) as view:
            for part in whole.slices(view):
                taken += part[: most - len(taken)]
                part.release()
                if len(taken) >= most:
                    break
        return bytes(taken), whole.length > len(taken)

    def sum(self, recipe: Recipe | None) -> str:
        """A sum of the data set that a recipe makes (None: as received), in hexadecimal."""
        taken = blake2b(digest_size=16)
        whole = recipe or Recipe(((self._dataset.start, self._dataset.end),))
        with memoryview(self._map) as view:
            for part in whole.slices(view):
                with part:
                    taken.update(part)
        return taken.hexdigest()

    def _is_received(self, recipe: Recipe) -> bool:
        at = self._dataset.start
        for part in recipe.parts:
            if isinstance(part, bytes):
                if self._map[at : at + len(part)] != part:
                    return False
                at += len(part)
            elif part[0] == at:
                at = part[1]
            else:
                return False
        return at == self._dataset.end

    def identity(self) -> Identity:
        """What the queue row shows, after the edits; what cannot be read is empty."""
        if not _IDENTIFYING.isdisjoint(self._dataset.edits):
            return identity_of(self._dataset)
        if self._identity is None:
            self._identity = identity_of(self._dataset)
        return self._identity


class _FileMetaElements:
    """
    Group 0002, read when somebody asks for it.

    Knows nothing of the document that holds it: in a cycle every image would
    stay, with its map, until a garbage collection.
    """

    __slots__ = ("_end", "_file", "_read")

    def __init__(self, file: Buffer, end: int) -> None:
        self._file = file
        self._end = end
        self._read: Dataset | None = None

    def __call__(self) -> Dataset:
        if self._read is None:
            start = PREAMBLE_LENGTH + 4
            try:
                index, _ = scan(self._file, start, self._end, EXPLICIT_LITTLE, ordered=False)
            except NotIndexable as error:
                raise DatasetError(f"file meta information (group 0002) cannot be read: {error}") from None
            self._read = Dataset(self._file, Journal(), EXPLICIT_LITTLE, index, start, self._end)
        return self._read
