"""A received file opened for edits, by its index or on the slow path, and written as it is to be sent."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts_app.core.dataset.document import Document
from scripts_app.core.dataset.encoding import DEFLATED
from scripts_app.core.dataset.errors import DatasetError, ElementTwice, NestedTooDeep, NotIndexable
from scripts_app.core.dataset.file_meta import NotPart10, read_file_meta
from scripts_app.core.dataset.recipe import Recipe
from scripts_app.core.dataset.slow_path import normalised, write_part10
from scripts_app.core.outcome import Identity

Draft = Callable[[], contextlib.AbstractContextManager[Path]]
"""Makes a path to write to, which is gone when the context ends."""

OPENING = 60.0
"""Seconds for a file that has to be read and written anew before scripts can edit it."""
_MOST_INFLATED = 2 << 30
"""Bytes that a deflated data set may have when inflated; a small file can claim much more."""
_LONGEST_META = 1 << 20


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that scripts may edit."""

    document: Document
    path: Path
    base: Path | None
    """The normalised file that the document is based on; None: the received file itself."""

    def transfer_syntax_uid(self) -> str:
        """That of the received file; of the normalised one where the received file names none."""
        head = _head(self.path)
        return (head and read_file_meta(head).transfer_syntax_uid) or self.document.transfer_syntax_uid

    def write(self, recipe: Recipe | None, identity: Identity, transfer_syntax_uid: str, target: Path) -> None:
        """Write one output as a Part 10 file; without a recipe its data set is the received one, byte for byte."""
        deflated = transfer_syntax_uid in DEFLATED
        if recipe is not None and self.base is not None:
            write_part10(self.base, recipe, identity, transfer_syntax_uid, target, deflate=deflated)
            return
        try:
            write_part10(self.path, recipe, identity, transfer_syntax_uid, target)
        except NotPart10:
            write_part10(self.base or self.path, None, identity, transfer_syntax_uid, target)


@contextlib.contextmanager
def opened(path: Path, draft: Draft) -> Iterator[Opened]:
    """
    The file, open for as long as the context.

    FileNotFoundError when it is gone; DatasetError when nobody can read it.
    """
    with contextlib.ExitStack() as stack:
        base: Path | None = None
        try:
            document = Document.open(path)
        except (NestedTooDeep, ElementTwice) as error:
            # Another toolkit would go down level by level, too, until its stack or its memory ends; and of an element
            # that stands there twice it would keep one.
            raise DatasetError(f"the file cannot be edited: {error}") from None
        except NotIndexable:
            base = stack.enter_context(draft())
            normalised(path, base, limit=_MOST_INFLATED)
            document = Document.open(base, _head(path))
        stack.callback(document.close)
        yield Opened(document, path, base)


def _head(path: Path) -> bytes:
    """What holds the file meta information; empty when there is none."""
    with open(path, "rb") as file:
        head = file.read(_LONGEST_META)
    try:
        return head[: read_file_meta(head).dataset_offset]
    except NotPart10:
        return b""
