"""The received file of an item, open for the scripts, and the files that keep what they made of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from routing.core.plan import Plan
from routing.engine.receiving.receive import instance_in
from routing.queue.claims import Unprepared
from routing.spool.prepared import PreparedFiles
from routing.spool.spool import Spool
from scripts_app.core.dataset.brief import read_brief
from scripts_app.core.dataset.document import Document
from scripts_app.core.dataset.opening import Draft, Opened, opened
from scripts_app.core.outcome import Identity, Output


@dataclass(frozen=True, slots=True)
class OpenImage:
    """A received image that scripts may edit."""

    received: Opened
    item: Unprepared
    files: PreparedFiles
    draft: Draft

    @property
    def document(self) -> Document:
        return self.received.document

    def keep_outputs(self, plan: Plan) -> dict[str | None, str]:
        """
        Write prepared files where recipes would refer to the normalised file, which does not stay.

        Gives the name by the copy's destination, None for the item's own output.
        Outputs that no script changed go out as they came and need no file.
        """
        if self.received.base is None:
            return {}
        outputs: dict[str | None, Output] = {copy.destination: copy for copy in plan.copies}
        if plan.original is not None:
            outputs[None] = plan.original
        names: dict[str | None, str] = {}
        for key, output in outputs.items():
            if output.recipe is not None:
                with self.draft() as draft:
                    self.received.write(output.recipe, output.identity, self.item.transfer_syntax_uid, draft)
                    names[key] = self.files.keep(draft, self.item.id)
        return names


@contextlib.contextmanager
def open_image(
    spool: Spool, files: PreparedFiles, item: Unprepared, at_length: Callable[[], None]
) -> Iterator[OpenImage]:
    """
    The received file of an item, open for as long as the context.

    ``at_length`` is called before each file that is written: one that scripts can edit in place of the received one,
    and those of outputs.  FileNotFoundError when it is gone; DatasetError when nobody can read it.
    """

    def draft() -> contextlib.AbstractContextManager[Path]:
        at_length()
        return files.draft()

    with opened(spool.path(item.received_id), draft) as received:
        yield OpenImage(received, item, files, draft)


def as_received(spool: Spool, item: Unprepared) -> Unprepared:
    """The item as it came: an earlier preparation has left in its row what the scripts made of it."""
    path = spool.path(item.received_id)
    instance = instance_in(path, item.received_id)
    seen = read_brief(path, instance.dataset_offset, instance.transfer_syntax_uid).identity
    named = {"sop_class_uid": instance.sop_class_uid, "sop_instance_uid": instance.sop_instance_uid}
    return replace(item, **{name: getattr(seen, name) for name in Identity.__slots__} | named)
