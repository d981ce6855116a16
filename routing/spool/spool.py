"""Where received files live: a tree of hours, and in it the files that are named by their identifiers."""

import contextlib
import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Literal

from routing.core.identifiers import EPOCH, hour_of
from routing.spool.mark import is_gone, is_marked, mark
from routing.spool.part import FINAL, PASSING, Folder, Part
from routing.spool.spread import spread_folders_in, sweep_drawn

Durability = Literal["full", "none"]
_FOLDERS_KEPT_OPEN = 4


class SpoolGone(OSError):
    """The folder is not the spool any more: unmounted, moved away or replaced."""

    def __init__(self, root: Path) -> None:
        super().__init__(errno.ESTALE, f"the spool is gone from {root}: is its file system mounted?")


class Spool:
    """
    A tree of files ``YYYYMMDD/HH/<identifier>.dcm``, the hour being that of the identifier (UTC).

    No name ever comes from a sender.  ``full`` means that a committed file
    survives a power cut; ``none`` leaves that to the operating system.
    SpoolGone when the root is a link that leads nowhere.
    Safe to use from several threads and several processes.
    """

    def __init__(self, root: Path, durable: Durability = "full") -> None:
        self.root = root
        self.durable = durable == "full"
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
        except FileExistsError:
            if root.is_symlink():
                # Into a volume that is not mounted.
                raise SpoolGone(root) from None
            raise
        self.marked = is_marked(root)
        """Whether it has ever been known for the spool; an empty mount point is not."""
        spread_folders_in(root)
        self._folders: dict[str, Folder] = {}
        self._lock = threading.Lock()

    def mark(self) -> None:
        """Make it known for the spool from now on."""
        mark(self.root)
        self.marked = True

    @property
    def gone(self) -> bool:
        """Whether another folder, or none, is where the spool was: files seem missing that are not."""
        return is_gone(self.root)

    def path(self, identifier: int) -> Path:
        return self.root / _hour(identifier) / f"{identifier}{FINAL}"

    def begin(self, identifier: int) -> Part:
        """
        Open a new file for writing.

        FileExistsError: this identifier already has a file, which happens
        when a clock was set back; the caller takes another identifier.
        """
        hour = _hour(identifier)
        try:
            return Part(self._folder(hour), identifier, self.durable)
        except FileNotFoundError:
            # Pruning removed the folder behind the open descriptor.
            with self._lock:
                self._folders.pop(hour, None)
            return Part(self._folder(hour), identifier, self.durable)

    def discard(self, identifier: int) -> bool:
        """Remove a committed file; False when there is none."""
        try:
            self.path(identifier).unlink()
        except FileNotFoundError:
            return False
        return True

    def discard_part(self, identifier: int) -> None:
        """Remove an unfinished file; the caller knows that its writer has died."""
        (self.root / _hour(identifier) / f"{identifier}{PASSING}").unlink(missing_ok=True)

    def ids(
        self, since: int | None = None, *, pass_over: Callable[[str, OSError], None] | None = None
    ) -> Iterator[int]:
        """
        Every identifier that has a committed file, in order, from ``since`` on.

        OSError when the folder of an hour cannot be listed, unless ``pass_over`` takes note of it.
        """
        first_hour = "" if since is None else _hour(since)
        for hour in self._hours():
            if hour >= first_hour:
                try:
                    found = _identifiers(self.root / hour, since or 0)
                except OSError as error:
                    if pass_over is None:
                        raise
                    pass_over(hour, error)
                else:
                    yield from found

    def sweep_parts(self, older_than: timedelta) -> int:
        """Remove what unfinished writers left behind and nobody touched for this long; answer how many."""
        limit = time.time() - older_than.total_seconds()
        swept = sweep_drawn(self.root, limit)
        for hour in self._hours():
            folder = self.root / hour
            names: list[str] = []
            with contextlib.suppress(OSError):
                # What cannot be listed is told by who looks for files without rows.
                names = _names(folder)
            for name in names:
                if name.endswith(PASSING):
                    # Another process may finish or sweep the same file meanwhile, or the disk does not let it go.
                    with contextlib.suppress(OSError):
                        if (folder / name).stat().st_mtime <= limit:
                            (folder / name).unlink()
                            swept += 1
        return swept

    def prune_folders(self, before: datetime) -> int:
        """Remove the empty folders of hours that ended before this moment; answer how many hours."""
        last = f"{before:%Y%m%d/%H}"
        pruned = 0
        for hour in self._hours():
            if hour < last:
                # Not empty, or somebody else was faster.
                with contextlib.suppress(OSError):
                    (self.root / hour).rmdir()
                    pruned += 1
                    (self.root / hour).parent.rmdir()
        return pruned

    def free_bytes(self) -> int:
        """Bytes that a file may still take on this file system."""
        answer = os.statvfs(self.root)
        return answer.f_bavail * answer.f_frsize

    def free_inodes(self) -> int | None:
        """Files that may still be made; None where the file system sets no limit (btrfs)."""
        answer = os.statvfs(self.root)
        return answer.f_favail if answer.f_files else None

    def _hours(self) -> list[str]:
        return sorted(
            f"{day}/{hour}"
            for day in _names(self.root)
            if len(day) == 8 and day.isdecimal()
            for hour in _names(self.root / day)
            if len(hour) == 2 and hour.isdecimal()
        )

    def _folder(self, hour: str) -> Folder:
        with self._lock:
            folder = self._folders.get(hour)
            if folder is None:
                if self.gone:
                    # Where it was mounted a file would be durable, and hidden as soon as it is mounted again.
                    raise SpoolGone(self.root)
                folder = Folder(self.root, hour, self.durable)
                while len(self._folders) >= _FOLDERS_KEPT_OPEN:
                    self._folders.pop(next(iter(self._folders)))
                self._folders[hour] = folder
            return folder


def _hour(identifier: int) -> str:
    return _hour_name(hour_of(identifier))


@lru_cache(_FOLDERS_KEPT_OPEN)
def _hour_name(hour: int) -> str:
    return f"{EPOCH + timedelta(hours=hour):%Y%m%d/%H}"


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _identifiers(folder: Path, since: int) -> list[int]:
    """Those of the committed files in order; an hour may have a million, of which few are asked for."""
    first = f"{since}{FINAL}"
    try:
        with os.scandir(folder) as entries:
            # Texts first: numbers are made of those that may be asked for alone.
            names = (entry.name for entry in entries if entry.name >= first or len(entry.name) != len(first))
            numbers = (name.removesuffix(FINAL) for name in names if name.endswith(FINAL))
            found = [int(number) for number in numbers if number.isdecimal()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(identifier for identifier in found if identifier >= since)
