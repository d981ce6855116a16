"""Files made from received ones where an edit recipe cannot do: beside the spool's own, under names of their own."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from routing.spool.checksum import checksum_of
from routing.spool.write_out import sync_file, sync_folder

_FOLDER = "prepared"
_TOLD = re.compile(r"-([0-9a-f]{8})\.dcm$")
_TRANSCODED = "-t-"
"""In the names of files that say the same as their items do in another transfer syntax, for one node."""
_PART = ".part"


def is_transcoded(name: str) -> bool:
    """Whether a kept file can be made anew: it is what its item is without it, in another transfer syntax."""
    return _TRANSCODED in name


class PreparedFiles:
    """
    Whole Part 10 files in one folder of the spool, which reception never looks at.

    A row names its file; a file that no row names is swept.
    """

    def __init__(self, spool_root: Path) -> None:
        self.folder = spool_root / _FOLDER
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def path(self, name: str) -> Path:
        return self.folder / name

    @contextlib.contextmanager
    def draft(self) -> Iterator[Path]:
        """A path to write to; whatever is there at the end and was not kept is removed."""
        path = self.folder / f"{os.getpid()}-{secrets.token_hex(8)}{_PART}"
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def keep(self, draft: Path, item_id: int, *, transcoded: bool = False) -> str:
        """Make a draft durable and give it the name that the item's row will hold, its checksum included."""
        name = f"{item_id}-{secrets.token_hex(4)}{_TRANSCODED if transcoded else '-'}{checksum_of(draft):08x}.dcm"
        # The name follows the bytes, and the folder that holds the name comes last.
        sync_file(draft)
        draft.rename(self.path(name))
        sync_folder(self.folder)
        return name

    def checksum(self, name: str) -> int | None:
        """CRC-32 that a kept file has to have; None when its name does not tell."""
        told = _TOLD.search(name)
        return int(told[1], 16) if told else None

    def names(self, older_than: float) -> list[str]:
        """Kept files that nobody has touched for so many seconds."""
        return [entry.name for entry in self._old(older_than) if not entry.name.endswith(_PART)]

    def sweep_parts(self, older_than: float) -> int:
        """Remove the drafts of processes that were killed; how many."""
        drafts = [entry for entry in self._old(older_than) if entry.name.endswith(_PART)]
        return sum(self._swept(Path(draft.path)) for draft in drafts)

    def discard_unnamed(self, names: Collection[str], named: Collection[str]) -> int:
        """Remove those of ``names`` that no row names; how many."""
        return sum(self._swept(self.path(name)) for name in set(names) - set(named))

    def _swept(self, path: Path) -> bool:
        # What the disk does not let go is no reason to leave the others.
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
            return True
        return False

    def _old(self, older_than: float) -> list[os.DirEntry[str]]:
        limit = time.time() - older_than
        found = []
        with os.scandir(self.folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    if entry.stat().st_mtime <= limit:
                        found.append(entry)
        return found
