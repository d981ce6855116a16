"""Make a backup while everything runs: files, then the database, then the files that came meanwhile."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.utils import timezone

from routing.audit.store import unreadable_file, waiting_file
from routing.backup import database
from routing.backup.copies import SUMS, BackupProblem, ask_for_room, copy, differing, sum_of, write_private, write_sums
from routing.configuration.export import export_directory
from routing.database.database_file import sqlite_file
from routing.folders import data_folder, spool_folder
from routing.models import QueueItem
from routing.queue.spool import open_spool
from routing.spool.prepared import PreparedFiles
from routing.spool.quarantined import quarantined, quarantined_ids
from routing.spool.spool import Spool

MANIFEST = "MANIFEST.json"
NEWEST = "newest_backup"
"""In the data folder: where the newest backup is, for whoever has to recover."""
FORMAT = 1
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Made:
    folder: Path
    files: int
    """Images, prepared files, and refused ones."""
    size: int
    """Bytes of the whole backup."""
    states: dict[str, int]


def make_backup(folder: Path, say: Callable[[str], None] = lambda text: None) -> Made:
    """
    Write a backup into ``folder``, which must not exist or be empty, and read it back; BackupProblem says why not.

    Every file that the database of the backup counts on is in it, because
    files are copied before and after it: nothing that was there at its moment
    is missed, whatever is received, delivered or removed meanwhile.
    """
    _usable(folder)
    database.can_dump()
    os.umask(0o077)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    spool = open_spool()
    sums: dict[str, str] = {}
    say("copying the files of the spool")
    _copy_spool(spool, folder, sums)
    # Before the database: what housekeeping brings into it meanwhile is there twice, and not nowhere.
    for path in (waiting_file(), unreadable_file()):
        with contextlib.suppress(FileNotFoundError):
            sums[path.name] = copy(path, folder / path.name)
    say("copying the database")
    name = database.dump_name()
    counts, moment = QueueItem.objects.counts(), timezone.now()
    database.dump(folder / name)
    sums[name] = sum_of(folder / name)
    say("copying what came meanwhile")
    _copy_spool(spool, folder, sums)
    if spool.gone:
        # A file that went away has had its time, but not all of them at once.
        raise BackupProblem("the spool went away meanwhile: is its file system mounted?")
    _drop_what_nobody_needs(spool, folder, sums, moment)
    export_directory(folder / "configuration")
    for path in sorted((folder / "configuration").rglob("*")):
        if path.is_file():
            sums[str(path.relative_to(folder))] = sum_of(path)
    key = data_folder() / "secret_key"
    if key.exists():
        sums["secret_key"] = copy(key, folder / "secret_key")
    write_sums(folder, sums)
    os.sync()
    say("reading it back")
    for problem in differing(folder, sums):
        raise BackupProblem(f"the backup could not be verified: {problem}")
    files = sum(1 for one in sums if one.startswith("spool/"))
    made = Made(folder, files, sum((folder / one).stat().st_size for one in sums), counts)
    # Last: what has no manifest is no finished backup.
    _write_manifest(made, name)
    os.sync()
    _note(folder)
    return made


def _write_manifest(made: Made, database: str) -> None:
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "database": database,
        "states": made.states,
        "files": made.files,
        "bytes": made.size,
        "sums": sum_of(made.folder / SUMS),
    }
    write_private(made.folder / MANIFEST, json.dumps(manifest, indent=1) + "\n")


def _usable(folder: Path) -> None:
    inside = spool_folder()
    if folder.resolve().is_relative_to(inside.resolve()):
        raise BackupProblem(f"{folder} is inside the spool that is to be saved; name a folder elsewhere")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BackupProblem(f"{folder} is not empty; a backup never overwrites anything: name a new folder")
    above = next(each for each in (folder, *folder.resolve().parents) if each.exists())
    needed = sum(path.stat().st_size for path in _database_files()) + _spool_bytes(inside)
    ask_for_room(above, needed)


def _database_files() -> Iterator[Path]:
    file = sqlite_file()
    if file is not None:
        yield from (path for path in (file, file.with_name(f"{file.name}-wal")) if path.exists())


def _spool_bytes(spool: Path) -> int:
    total = 0
    for folder, _, names in os.walk(spool):
        for name in names:
            try:
                total += os.stat(os.path.join(folder, name)).st_size
            except FileNotFoundError:
                continue
    return total


def _copy_spool(spool: Spool, folder: Path, sums: dict[str, str]) -> None:
    """Copy what has no copy yet; a file that goes away meanwhile has had its time."""
    prepared = PreparedFiles(spool.root)
    refused = (quarantined(spool, identifier) for identifier in quarantined_ids(spool))
    for path in [*map(spool.path, spool.ids()), *map(prepared.path, prepared.names(0)), *refused]:
        name = f"spool/{path.relative_to(spool.root)}"
        if name not in sums:
            try:
                sums[name] = copy(path, folder / name)
            except FileNotFoundError:
                continue


def _drop_what_nobody_needs(spool: Spool, folder: Path, sums: dict[str, str], moment: datetime) -> None:
    """
    Leave out files that were removed meanwhile, by the rows of the backup, which are of ``moment`` or later.

    Restored, they would lie there longer than they may; without rows they would be adopted and sent again.
    """
    gone = {name: spool.root / name[len("spool/") :] for name in sums if name.startswith("spool/")}
    gone = {name: path for name, path in gone.items() if not path.exists()}
    # A refused file was taken or thrown away: its row in the backup, if there is one, goes when its time is over.
    unneeded = [name for name, path in gone.items() if path.parent == quarantined(spool, 0).parent]
    received = [name for name in gone.keys() - set(unneeded) if Path(name).stem.isdecimal()]
    for at in range(0, len(received), _CHUNK):
        chunk = {int(Path(name).stem): name for name in received[at : at + _CHUNK]}
        rows = QueueItem.objects.filter(received_id__in=chunk).exclude(purged_at__lt=moment)
        known = set(rows.values_list("received_id", flat=True))
        unneeded += [chunk[identifier] for identifier in chunk.keys() - known]
    for name in unneeded:
        (folder / name).unlink()
        del sums[name]


def _note(folder: Path) -> None:
    path = data_folder() / NEWEST
    draft = path.with_name(f".{NEWEST}")
    draft.write_text(f"{folder.resolve()}\n", encoding="utf-8")
    draft.rename(path)
