"""Make a lost or damaged database anew: configuration from a backup or an export, the queue from the spool."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from routing.backup.copies import BackupProblem
from routing.backup.kept import changed_since, is_kept, kept_folder, set_aside
from routing.backup.make import MANIFEST, NEWEST
from routing.backup.restore import Backup, nobody_may_run, read_backup, restore_database
from routing.configuration.apply import import_directory
from routing.core.ae_title import Meaning
from routing.database.database_file import NoRoom, damage, is_new, sqlite_file
from routing.engine.directory import Directory
from routing.engine.housekeeping.adopt import adopt
from routing.engine.receiving.receive import instance_in
from routing.engine.reconcile import fail_missing
from routing.folders import data_folder, spool_folder
from routing.models import KnownSender, Node, QueueItem
from routing.queue.spool import open_spool
from routing.spool.mark import is_gone
from routing.spool.spool import SpoolGone
from scripts_app.configuration.problem import ConfigurationError
from scripts_app.core.dataset.file_meta import NotPart10
from scripts_app.models import LuaEntry


@dataclass
class Recovery:
    """What came of it."""

    source: str = ""
    """Where the configuration came from, in words."""
    moved_to: Path | None = None
    """Where the database is now that was there, damaged or without items."""
    caught_up: list[str] = field(default_factory=list)
    """What the kept configuration, which is younger than the backup, has changed of nodes, senders and scripts."""
    set_aside: Path | None = None
    """Where the kept configuration is now, which says something else."""
    not_taken: str = ""
    """Why it could not be taken; every node is paused then."""
    adopted: int = 0
    missing: int = 0
    """Items of the backup whose file is gone from the spool."""
    unreadable: set[int] = field(default_factory=set)
    placeholders: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    """What nobody can make again, one sentence each."""


def recover(
    source: Path | None,
    *,
    without_configuration: bool = False,
    pause: bool = False,
    spool_is_lost: bool = False,
    say: Callable[[str], None],
) -> Recovery:
    """
    Put a new database in the place of one that is lost or damaged.

    ``source`` is a backup or a configuration directory; None: the newest
    backup that this data folder knows of, else the configuration that
    housekeeping keeps.  BackupProblem when the database is in order, or when
    there is no configuration and nobody said to go on without.

    A backup that nobody named is brought up to the kept configuration, where
    that has changed since: images that are sent again pass the scripts that
    they passed before.

    BackupProblem also where the spool is gone and nobody said that it is lost:
    an unmounted one would be taken for empty, and what waits for failed.
    """
    nobody_may_run()
    root = spool_folder()
    if not spool_is_lost and is_gone(root):
        raise _gone(SpoolGone(root))
    path = sqlite_file()
    what = _damage(path)
    if not what and not is_new() and _items():
        return _without_spool(lost=spool_is_lost)
    named = source is not None
    source = source or _found()
    if source is None and not without_configuration:
        raise BackupProblem(
            "neither a backup nor an export of the configuration was found: name one with --from, or go on"
            " with --without-configuration (nodes are then made from the called AE titles of the images, paused)"
        )
    backup = read_backup(source) if source is not None and (source / MANIFEST).exists() else None
    done = Recovery()
    if what and path is not None:
        say(f"the database is damaged ({what.splitlines()[0]}) and is moved aside")
        done.moved_to = _move_aside(path, "damaged")
    elif backup is not None and path is not None and not is_new():
        # A backup is loaded into an empty file only; what the tables hold, users at the most, is kept there.
        say("the database holds no item and is moved aside")
        done.moved_to = _move_aside(path, "empty")
    done.source = _load(backup, source, pause=pause, say=say)
    if source is not None and source.resolve() != kept_folder().resolve() and is_kept():
        moment = datetime.fromisoformat(backup.manifest["made_at"]) if backup else None
        _catch_up(done, wanted=moment is not None and not named and changed_since(moment), pause=pause)
    _adopt(done, lost=spool_is_lost, placeholders=backup is None and source is None, say=say)
    done.lost = list(_lost(from_backup=backup is not None, caught_up=bool(done.caught_up)))
    return done


def _damage(path: Path | None) -> str:
    try:
        return damage(path, whole=True) if path is not None and path.exists() else ""
    except NoRoom as problem:
        # To move it aside, and to send all again, would be the worst answer to a full disk.
        raise BackupProblem(str(problem)) from problem


def _without_spool(*, lost: bool) -> Recovery:
    """The database is in order: there is something to do only where the spool is lost."""
    if not lost:
        raise BackupProblem(
            "the database is in order and holds items: there is nothing to recover (a start adopts files without"
            " rows). Was the spool lost? Then say so with --spool-is-lost"
        )
    missing = fail_missing(open_spool(lost=True))
    return Recovery(source="the database as it is", missing=missing)


def _load(backup: Backup | None, source: Path | None, *, pause: bool, say: Callable[[str], None]) -> str:
    """Fill the new database from the backup, else from the configuration, where there is one; what it was, in words."""
    if backup is not None:
        say(f"loading the database of the backup of {backup.manifest['made_at']}")
        restore_database(backup, pause=pause)
        return f"the backup {backup.folder} of {backup.manifest['made_at']}"
    call_command("migrate", interactive=False, verbosity=0)
    if pause:
        _pause_all()
    if source is None:
        return ""
    say(f"reading the configuration {source}")
    _import(source, pause=pause)
    return f"the configuration directory {source}"


def _items() -> int:
    try:
        return QueueItem.objects.count()
    except DatabaseError:
        # Tables of another version, or half of them: what a migration that was broken off leaves.
        return 0


def _found() -> Path | None:
    """The newest backup that is still there, or the kept export."""
    data = data_folder()
    note = data / NEWEST
    if note.exists():
        backup = Path(note.read_text(encoding="utf-8").strip())
        if (backup / MANIFEST).exists():
            return backup
    return kept_folder() if is_kept() else None


def _move_aside(path: Path, kind: str) -> Path:
    """The database with its journals in a folder of its own: the journal of one belongs to no other."""
    connection.close()
    folder = path.parent / f"{kind}-{datetime.now(UTC):%Y%m%dT%H%M%S}"
    folder.mkdir(mode=0o700)
    for file in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        if file.exists():
            file.rename(folder / file.name)
    path.touch(mode=0o600)
    return folder


@transaction.atomic
def _import(folder: Path, *, pause: bool) -> None:
    try:
        import_directory(folder, actor="recover", as_it_was=True)
        if pause:
            _pause_all()
    except ConfigurationError as error:
        raise BackupProblem(f"{folder}: {error.problems[0]} ({len(error.problems)} in all)") from error


@transaction.atomic
def _catch_up(done: Recovery, *, wanted: bool, pause: bool) -> None:
    """Take the kept configuration where it is ``wanted``; else keep it from being written over, if it says more."""
    try:
        plan = import_directory(kept_folder(), actor="recover", only_plan=not wanted, as_it_was=True)
    except ConfigurationError as error:
        done.set_aside = set_aside()
        done.not_taken = str(error.problems[0]) if wanted else ""
        if done.not_taken:
            _pause_all()
        return
    if pause:
        _pause_all()
    if plan.steps and wanted:
        done.caught_up = [str(step) for step in plan.steps]
        done.source += f", brought up to {kept_folder()}, where nodes, senders or scripts have changed since"
    elif plan.steps:
        done.set_aside = set_aside()


def _pause_all() -> None:
    Node.objects.update(paused=True)


def _gone(gone: SpoolGone) -> BackupProblem:
    return BackupProblem(f"{gone.strerror} Mount it; if its files are lost, say so with --spool-is-lost")


def _adopt(done: Recovery, *, lost: bool, placeholders: bool, say: Callable[[str], None]) -> None:
    try:
        spool = open_spool(lost=lost)
    except SpoolGone as gone:
        raise _gone(gone) from gone
    # The nodes may have been made anew: the ids in the files may be those of others.
    directory = Directory.of_service(age=0, by_title=True)
    if placeholders:
        titles = set()
        for identifier in spool.ids():
            try:
                titles.add(instance_in(spool.path(identifier), identifier).called_ae_title)
            except (NotPart10, OSError):
                continue
        done.placeholders = _make_nodes(titles, directory)
    say("making rows from the files of the spool")
    done.adopted = adopt(spool, directory, since=None, unreadable=done.unreadable)
    done.missing = fail_missing(spool)


def _make_nodes(titles: set[str], directory: Directory) -> list[str]:
    """Paused nodes for called AE titles that mean none, so that their images wait instead of failing."""
    made = []
    prefix = settings.CAPACITOR.ae_title_prefix
    for title in sorted(titles):
        target = directory.resolve(title)
        if target.meaning is Meaning.UNKNOWN and target.ae_title:
            name = (target.ae_title.removeprefix(prefix) if prefix else "") or target.ae_title
            Node.objects.create(ae_title=name, paused=True, description="recovered: set host and port, then resume")
            made.append(name)
    return made


def _lost(*, from_backup: bool, caught_up: bool) -> list[str]:
    if from_backup:
        changes = "users, drafts and samples" if caught_up else "their changes"
        lost = [
            f"what people and workers did after the backup: {changes}, the history, the audit log",
            "which images left the queue after the backup: those whose files are still here are sent again",
        ]
    else:
        lost = [
            "history, attempts, logs and audit log",
            "which images had been delivered, dropped, rejected or failed: all files of the spool are queued as New",
            "users and their roles (the first start makes the user admin again)",
            "versions, drafts, tests and samples of scripts",
            "what scripts kept in study and series",
        ]
        if not KnownSender.objects.exists():
            lost.append("known senders: allow each on the dashboard when it calls")
        if not LuaEntry.objects.exists():
            lost.append("scripts: put them back, then prepare again what waits, BEFORE a node is resumed")
    return lost
