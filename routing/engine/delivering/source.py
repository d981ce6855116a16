"""Where the bytes of an item stand, and how they are read and compared: at once, or by a map where they are many."""

from __future__ import annotations

import contextlib
import mmap
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

from routing.spool.checksum import checksum_of, crc32
from scripts_app.core.dataset.encoding import ANY_PIXEL_DATA, encoding_of
from scripts_app.core.dataset.errors import NotIndexable
from scripts_app.core.dataset.index import scan
from scripts_app.core.dataset.recipe import Recipe

_WINDOW = 8 << 20
"""Bytes of a large file that are in memory at a time."""
_LEAST_BUFFER = 1 << 20


class FileMissing(Exception):
    """The file of an item is not in the spool."""


class FileDamaged(Exception):
    """The file of an item is not the one that its row describes."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the data set of an item stands: a file and, unless it is the rest of the file, a recipe over it."""

    path: Path
    dataset_offset: int
    recipe: Recipe | None
    transfer_syntax_uid: str
    checksum: int | None = None
    """CRC-32 of the file, which is compared whenever it is opened."""

    @property
    def size(self) -> int:
        """Bytes of the data set; FileMissing or FileDamaged."""
        return self.recipe.length if self.recipe is not None else size_of(self.path) - self.dataset_offset

    def has_pixels(self) -> bool:
        """Whether the data set holds Pixel Data; True where only a decoder could tell."""
        with self._content() as content:
            try:
                encoding = encoding_of(self.transfer_syntax_uid)
                index, _ = scan(content, self.dataset_offset, len(content), encoding, ordered=False)
            except NotIndexable:
                return True
        return not ANY_PIXEL_DATA.isdisjoint(index)

    @contextlib.contextmanager
    def open(self) -> Iterator[Sequence[memoryview]]:
        """The data set in order; FileMissing, or FileDamaged when the file is not what was stored or too short."""
        with self._content() as content:
            size = len(content)
            if self.recipe is None:
                if self.dataset_offset > size:
                    raise FileDamaged(f"file has {size} bytes, its data set starts at {self.dataset_offset}")
                slices = [content[self.dataset_offset :]]
            else:
                end = max((part[1] for part in self.recipe.parts if not isinstance(part, bytes)), default=0)
                # A slice beyond the end would come out short, and silently so.
                if end > size:
                    raise FileDamaged(f"file has {size} bytes, its recipe reads up to {end}")
                slices = list(self.recipe.slices(content))
            try:
                yield slices if size <= _WINDOW else Windows(slices, content.obj)
            finally:
                for piece in slices:
                    piece.release()

    def check(self) -> None:
        """FileMissing or FileDamaged, as ``open`` would raise it."""
        with self._content():
            pass

    def _content(self) -> contextlib.AbstractContextManager[memoryview]:
        if size_of(self.path) <= _WINDOW:
            return _read(self.path, self.checksum)
        _compare(self.path, self.checksum)
        return _mapped(self.path)


class Windows(Sequence[memoryview]):
    """
    Slices of a large map that give back the pages they have passed.

    Pages of a file stay in the page cache all the same; without this the
    process would show, and be judged by, as much resident memory as the file has.
    """

    def __init__(self, slices: Sequence[memoryview], mapping: Any) -> None:
        self._slices, self._mapping = slices, mapping

    def __len__(self) -> int:
        return len(self._slices)

    @overload
    def __getitem__(self, at: int) -> memoryview: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[memoryview]: ...
    def __getitem__(self, at: int | slice) -> memoryview | Sequence[memoryview]:
        return self._slices[at]

    def __iter__(self) -> Iterator[memoryview]:
        for piece in self._slices:
            for at in range(0, len(piece), _WINDOW):
                yield piece[at : at + _WINDOW]
                # Whoever still needs an earlier page, as who keeps a window, only has it read again.
                self._mapping.madvise(mmap.MADV_DONTNEED)


class _Spare(threading.local):
    """A thread's buffer between two files: fresh memory for each would cost as much as reading the file."""

    buffer = bytearray()


_spare = _Spare()


@contextlib.contextmanager
def _read(path: Path, checksum: int | None) -> Iterator[memoryview]:
    """
    The bytes of a file in memory, so that those that are compared are those that are sent.

    Cheaper than a map, too, whose pages would be looked up one by one.
    """
    size = size_of(path)
    # Taken away while in use: whoever opens another file meanwhile gets a buffer of its own.
    buffer, _spare.buffer = _spare.buffer, bytearray()
    if len(buffer) < size:
        buffer = bytearray(max(size, _LEAST_BUFFER))
    try:
        with memoryview(buffer) as whole, whole[:size] as content:
            with path.open("rb", buffering=0) as file:
                at = 0
                while at < size and (count := file.readinto(content[at:])):
                    at += count
            if at < size:
                raise FileDamaged(f"file {path.name} has {at} bytes instead of {size}")
            if checksum is not None:
                _refuse_other(path, checksum, crc32(content))
            yield content
    finally:
        _spare.buffer = buffer


def size_of(path: Path) -> int:
    """Bytes of a file; FileMissing, or FileDamaged (an empty one)."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise FileMissing(f"file missing: {path.name}") from None
    if not size:
        raise FileDamaged(f"file is empty: {path.name}")
    return size


@contextlib.contextmanager
def _mapped(path: Path) -> Iterator[memoryview]:
    """
    The bytes of a file that has just been read; FileMissing or FileDamaged (an empty one).

    What the disk does not give ends whoever looks at it in a map: the process, with all images in its hands.
    """
    try:
        file = path.open("rb", buffering=0)
    except FileNotFoundError:
        raise FileMissing(f"file missing: {path.name}") from None
    with file:
        if not path.stat().st_size:
            raise FileDamaged(f"file is empty: {path.name}")
        content = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    view = memoryview(content)
    try:
        yield view
    finally:
        # Slices that somebody still holds keep the map alive; it goes with the last of them.
        with contextlib.suppress(BufferError):
            view.release()
            content.close()


def _compare(path: Path, checksum: int | None) -> None:
    """FileDamaged when the bytes are not those that were written; FileMissing; OSError where they can't be read."""
    try:
        found = checksum_of(path)
    except FileNotFoundError:
        raise FileMissing(f"file missing: {path.name}") from None
    # Older rows have none, and are read all the same: whoever maps the file next relies on that.
    if checksum is not None:
        _refuse_other(path, checksum, found)


def _refuse_other(path: Path, checksum: int, found: int) -> None:
    if found != checksum:
        raise FileDamaged(
            f"file {path.name} is damaged: its bytes are not those that were stored"
            f" (CRC-32 {found:08x} instead of {checksum:08x}); it is not sent"
        )
