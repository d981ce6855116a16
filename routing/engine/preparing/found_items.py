"""What a script finds in the queue: a million items take some tens of megabytes and not more than one has."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Iterable, Sequence
from copy import copy
from itertools import islice
from typing import Any, overload

from scripts_app.core.ports import QueueItemFacts

COLUMNS = (
    "id", "state", "source_ae_title", "destination_ae_title", "study_instance_uid", "series_instance_uid",
    "sop_instance_uid", "sop_class_uid", "modality", "patient_id", "patient_name", "accession_number",
    "attempt_count", "last_error", "pending_state", "created_at", "updated_at",
)  # fmt: skip
"""In the order of QueueItemFacts, but for the format."""
_BLOCK = 500
"""Rows that are unpacked at a time."""


class FoundItems(Sequence[QueueItemFacts]):
    """
    The items as they stood when the script asked, whatever happens to them while it goes through the list.

    Rows resemble each other, so packed ones are a tenth of themselves.
    """

    def __init__(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """``rows``: values of COLUMNS; they are read once, block by block."""
        self._blocks: list[bytes] = []
        self._open: tuple[int, list[tuple[Any, ...]]] = (-1, [])
        self._more: Sequence[QueueItemFacts] = ()
        left = iter(rows)
        while len(block := list(islice(left, _BLOCK))) == _BLOCK:
            self._blocks.append(zlib.compress(pickle.dumps(block), 1))
        # A short list, as that of a study is, is not worth the packing.
        self._rest = block
        self._count = _BLOCK * len(self._blocks) + len(block)

    def followed_by(self, more: Sequence[QueueItemFacts]) -> FoundItems:
        """These items, and then those that are in no database."""
        both = copy(self)
        both._more = more
        return both

    def __len__(self) -> int:
        return self._count + len(self._more)

    @overload
    def __getitem__(self, index: int) -> QueueItemFacts: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[QueueItemFacts]: ...

    def __getitem__(self, index: int | slice) -> QueueItemFacts | Sequence[QueueItemFacts]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(index)
        if place >= self._count:
            return self._more[place - self._count]
        number, within = divmod(place, _BLOCK)
        row = self._block(number)[within]
        return QueueItemFacts(*(*row[:14], "dcm", row[14], row[15].isoformat(), row[16].isoformat()))

    def _block(self, number: int) -> list[tuple[Any, ...]]:
        if number == len(self._blocks):
            return self._rest
        if self._open[0] != number:
            # Packed in this very process, from the database.
            self._open = (number, pickle.loads(zlib.decompress(self._blocks[number])))  # noqa: S301
        return self._open[1]
