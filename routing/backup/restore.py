"""Put a backup back into an empty data folder: verified before, durable file by file, verified after."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.management import call_command

from routing.audit.store import unreadable_file, waiting_file
from routing.backup import database
from routing.backup.copies import SUMS, BackupProblem, ask_for_room, copy, differing, read_sums, sum_of
from routing.backup.make import FORMAT, MANIFEST
from routing.database.database_file import is_new, spool_has_images
from routing.folders import data_folder, run_folder, spool_folder
from routing.processes.presence import living
from routing.queue.giving_back import free_all

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Backup:
    """A finished backup, its manifest and its sums read."""

    folder: Path
    manifest: dict[str, Any]
    sums: dict[str, str]

    @property
    def database(self) -> Path:
        return self.folder / str(self.manifest["database"])


def read_backup(folder: Path) -> Backup:
    """The backup in a folder; BackupProblem when there is none, it is unfinished, or of a newer form."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
            raise BackupProblem(f"{folder / MANIFEST} has a form that this version cannot read")
        if sum_of(folder / SUMS) != manifest["sums"]:
            raise BackupProblem(f"{SUMS} is not the file that was backed up")
        return Backup(folder, manifest, read_sums(folder))
    except FileNotFoundError as error:
        name = Path(error.filename).name
        raise BackupProblem(f"{folder} is no finished backup: it has no {name}") from None
    except (OSError, ValueError, KeyError) as error:
        raise BackupProblem(f"{folder}: {MANIFEST} cannot be read: {error}") from error


def restore(folder: Path, *, pause: bool = False, say: Say = lambda text: None) -> Backup:
    """
    Make this installation what the backup is; BackupProblem says why not, and what is here stays as it is.

    With ``pause`` every node is paused, so that nothing is sent before
    somebody has looked.
    """
    nobody_may_run()
    backup = read_backup(folder)
    spool = spool_folder()
    if spool_has_images(spool):
        raise BackupProblem(
            f"{spool} holds images, and nothing is overwritten: move it away (a restore that was broken off leaves a"
            " part), or use manage.py recover, which takes no images out of the backup"
        )
    if not is_new():
        raise BackupProblem("the database has tables, and nothing is overwritten: move it away, or name another one")
    _has_room(backup)
    say("reading the backup")
    problems = list(differing(folder, backup.sums))
    if problems:
        raise BackupProblem(f"nothing was restored: {'; '.join(problems[:5])} ({len(problems)} in all)")
    os.umask(0o077)
    say("copying the files")
    waiting = {waiting_file().name, unreadable_file().name}
    restored = [name for name in backup.sums if name.startswith("spool/") or name in waiting]
    for name in restored:
        copy(folder / name, data_folder() / name)
    restore_key(backup)
    say("loading the database")
    restore_database(backup, pause=pause)
    os.sync()
    say("reading it back")
    for problem in differing(data_folder(), {name: backup.sums[name] for name in restored}):
        raise BackupProblem(f"the restored files differ from the backup: {problem}")
    return backup


def _has_room(backup: Backup) -> None:
    """BackupProblem when it cannot fit; found out half-way, a part would lie here that nothing can start on."""
    # The dump of a server goes elsewhere, and says nothing of the room that it takes there.
    here = [name for name in backup.sums if name.startswith("spool/") or name == database.SQLITE]
    files = [backup.folder / name for name in here]
    needed = sum(path.stat().st_size for path in files if path.exists())
    ask_for_room(data_folder(), needed, "nothing was restored: ")


def restore_database(backup: Backup, *, pause: bool) -> None:
    """Load the backup's database, bring it up to this version, and end what others held at its moment."""
    name = str(backup.manifest["database"])
    for problem in differing(backup.folder, {name: backup.sums[name]}):
        raise BackupProblem(f"nothing was restored: {problem}")
    database.load(backup.database, pause=pause)
    call_command("migrate", interactive=False, verbosity=0)
    free_all()


def restore_key(backup: Backup) -> None:
    """The key that signs sessions, over the one that this very command has made for the empty folder."""
    if "secret_key" in backup.sums:
        key = data_folder() / "secret_key"
        key.unlink(missing_ok=True)
        copy(backup.folder / "secret_key", key)


def nobody_may_run() -> None:
    """BackupProblem when a listener or worker of this data folder lives."""
    alive = living(run_folder())
    if alive:
        raise BackupProblem(f"the router is running here ({len(alive)} processes): stop it first")
