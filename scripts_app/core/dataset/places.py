"""Where an item stands among thousands, without a look at each."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence


def place_of(item: object, items: Sequence[object], last: int, removed: int) -> int:
    """
    Where an item stands, from 0; -1 when it is none of these.

    ``last`` is where it stood once, and ``removed`` how many were taken out in
    all: thousands may be edited or removed one by one, and then it stands
    there, or before it by as many.
    """
    if 0 <= last < len(items) and items[last] is item:
        return last
    # Everywhere behind that: what was taken back may have brought items again.
    for first, behind in ((max(0, last - removed), max(0, last + 1)), (0, len(items))):
        with contextlib.suppress(ValueError):
            return items.index(item, first, behind)
    return -1
