"""Open a received file for the scripts, by its index or on the slow path, and keep what they made of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from routing.claims import Unprepared
from routing.core.plan import Plan
from routing.prepared_files import PreparedFiles
from routing.spool import Spool
from scripts_app.core.dataset.document import Document, NotIndexable
from scripts_app.core.dataset.file_meta import DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
from scripts_app.core.dataset.slow_path import normalised, write_part10
from scripts_app.core.outcome import Output

_MOST_INFLATED = 2 << 30
"""Bytes that a deflated data set may have when inflated; a small file can claim much more."""


@dataclass(frozen=True, slots=True)
class OpenImage:
    """A received image that scripts may edit."""

    document: Document
    item: Unprepared
    files: PreparedFiles
    base: Path | None
    """The normalised file that the document is based on; None: the received file itself."""

    def keep_outputs(self, plan: Plan) -> dict[str | None, str]:
        """
        Write prepared files where recipes would refer to the normalised file, which does not stay.

        Gives the name by the copy's destination, None for the item's own output.
        Outputs that no script changed go out as they came and need no file.
        """
        if self.base is None:
            return {}
        outputs: dict[str | None, Output] = {copy.destination: copy for copy in plan.copies}
        if plan.original is not None:
            outputs[None] = plan.original
        names: dict[str | None, str] = {}
        syntax = self.item.transfer_syntax_uid
        for key, output in outputs.items():
            if output.recipe is not None:
                with self.files.draft() as draft:
                    write_part10(
                        self.base,
                        output.recipe,
                        output.identity,
                        syntax,
                        draft,
                        deflate=syntax == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
                    )
                    names[key] = self.files.keep(draft, self.item.id)
        return names


@contextlib.contextmanager
def open_image(spool: Spool, files: PreparedFiles, item: Unprepared) -> Iterator[OpenImage]:
    """
    The received file of an item, open for as long as the context.

    FileNotFoundError when it is gone; DatasetError when nobody can read it.
    """
    path = spool.path(item.received_id)
    with contextlib.ExitStack() as stack:
        base: Path | None = None
        try:
            document = Document.open(path)
        except NotIndexable:
            base = stack.enter_context(files.draft())
            normalised(path, base, limit=_MOST_INFLATED)
            document = Document.open(base)
        stack.callback(document.close)
        yield OpenImage(document, item, files, base)
