"""The bytes of items as they leave: as they came, by a recipe over them, or in a file that was made for it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from routing.core.instance import OutgoingInstance
from routing.engine.delivering.source import FileDamaged, FileMissing, Source, size_of
from routing.queue.claims import Deliverable
from routing.spool.prepared import PreparedFiles, is_transcoded
from routing.spool.spool import Spool, SpoolGone
from scripts_app.core.dataset.file_meta import FileMeta, NotPart10, encode_file_meta, file_meta_of
from scripts_app.core.dataset.recipe import Recipe


class Outgoing:
    """Finds the bytes of items in the spool, and keeps files that transcoding made beside it."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._files = PreparedFiles(spool.root)

    def source(self, item: Deliverable) -> Source:
        """
        Where the item's data set is as it was prepared; FileMissing or FileDamaged when it is not what the row says.

        ValueError when the recipe can't be read; SpoolGone when it is not the file that is missing but the spool.
        """
        try:
            return self._source(item)
        except FileMissing:
            if self._spool.gone:
                raise SpoolGone(self._spool.root) from None
            raise

    def _source(self, item: Deliverable) -> Source:
        if item.prepared_file and not is_transcoded(item.prepared_file):
            return self._prepared(item.prepared_file)
        path = self._spool.path(item.received_id)
        recipe = None if item.recipe is None else Recipe.loads(item.recipe)
        size = size_of(path)
        if size != item.size:
            raise FileDamaged(f"file {path.name} has {size} bytes instead of {item.size}")
        return Source(path, item.dataset_offset, recipe, item.transfer_syntax_uid, item.checksum)

    def _prepared(self, name: str) -> Source:
        path = self._files.path(name)
        meta = meta_of(path)
        return Source(path, meta.dataset_offset, None, meta.transfer_syntax_uid, self._files.checksum(name))

    def transcoded(self, item: Deliverable) -> Source | None:
        """The other form of it that an earlier attempt has kept, perhaps for another node; None if it is of no use."""
        if not is_transcoded(item.prepared_file):
            return None
        with contextlib.suppress(FileMissing, FileDamaged, NotPart10):
            source = self._prepared(item.prepared_file)
            source.check()
            return source
        return None

    def keep(self, item: Deliverable, transfer_syntax_uid: str, dataset: Iterator[bytes]) -> Deliverable:
        """
        Store another form of its data set as the item's prepared file; the item as it is from then on.

        The file is durable when this returns; whoever records the item writes
        ``prepared_file`` into its row.  A file that no row comes to name is
        swept by housekeeping.
        """
        with self._files.draft() as draft:
            with draft.open("wb") as file:
                file.write(encode_file_meta(item.sop_class_uid, item.sop_instance_uid, transfer_syntax_uid))
                for piece in dataset:
                    file.write(piece)
            # In place of a file that the scripts needed it is that from now on: the row has room for one.
            alike = not item.prepared_file or is_transcoded(item.prepared_file)
            return replace(item, prepared_file=self._files.keep(draft, item.id, transcoded=alike))


def meta_of(path: Path) -> FileMeta:
    """Group 0002 of a file; FileMissing, FileDamaged (an empty one), NotPart10, or OSError where it can't be read."""
    size_of(path)
    return file_meta_of(path)


def instance(item: Deliverable, source: Source) -> OutgoingInstance:
    return OutgoingInstance(
        item_id=item.id,
        sop_class_uid=item.sop_class_uid,
        sop_instance_uid=item.sop_instance_uid,
        transfer_syntax_uid=source.transfer_syntax_uid,
        open=source.open,
    )
