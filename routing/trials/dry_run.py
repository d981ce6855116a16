"""What a dry run takes from a configuration directory or the database: scripts, nodes, queue, state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection, connections

from routing.configuration.nodes_yml import WrittenNode
from routing.configuration.reading import book_after, read_configuration
from routing.core.ae_title import Meaning, TitleBook, checked
from routing.core.given import NOTHING_GIVEN, Given
from routing.folders import spool_folder
from routing.models import Node
from routing.nodes.titles import title_book
from routing.trials.facts import TrialFacts
from scripts_app import loader
from scripts_app.configuration.directory import ScriptFiles
from scripts_app.core.lua.limits import Limits
from scripts_app.core.outcome import Identity
from scripts_app.core.ports import Facts, QueueItemFacts, ScriptSet
from scripts_app.dry_running.dry_run import Trial, UnusableFile, dry_run
from scripts_app.dry_running.dry_runs import dry_runs

if TYPE_CHECKING:
    from routing.engine.preparing.facts import QueueDatabaseFacts


class UnknownTitle(Exception):
    """The source or destination is none that an image could come from or be for; the text names it."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Under which scripts and among which nodes a file is tried."""

    scripts: ScriptSet
    titles: TitleBook
    queue: Callable[[int | None], QueueDatabaseFacts | None]
    """
    Called in the process of the trial, with the item that the image is already; None: the queue is empty but for the
    image, and no state is kept.
    """
    deidentified: frozenset[str]
    """AE titles of the nodes that take de-identified images only."""


def active() -> Setting:
    """The active entries, nodes and queue of the database."""
    return Setting(loader.active(), title_book(), _database_facts, _deidentified(None))


def of_scripts(scripts: ScriptSet, *, with_queue: bool) -> Setting:
    """Scripts that are not active, among the nodes of the database and, if wanted, its queue."""
    queue = _database_facts if with_queue else lambda _: None
    return Setting(scripts, title_book(), queue, _deidentified(None))


def of_directory(root: Path) -> Setting:
    """
    What importing the directory would make active, over an empty queue.

    The database is asked only for what the directory does not speak of.
    ConfigurationError lists every mistake in it.
    """
    desired = read_configuration(root, settings.CAPACITOR)
    scripts = (
        loader.active()
        if desired.entries is None
        else ScriptFiles(desired.entries, desired.libraries or {}, (), ()).script_set()
    )
    return Setting(scripts, book_after(desired.nodes, settings.CAPACITOR), lambda _: None, _deidentified(desired.nodes))


def try_file(
    path: Path,
    source: str,
    destination: str,
    setting: Setting,
    output: Path | None,
    *,
    given: Given = NOTHING_GIVEN,
    detailed: bool = False,
    read: Sequence[tuple[str, str]] = (),
    stop_when_readable: int | None = None,
) -> dict[str, Any]:
    """
    The result of a dry run (manual, Dry run); nothing but ``output`` is written.

    ``detailed``: with ``details`` for a page (scripts_app.dry_running.details), among them the values at ``read``.
    ``stop_when_readable``: a file descriptor; Stopped when there is something to read before the end.
    UnknownTitle for AE titles that no image could have; UnusableFile for the
    file or the folder.
    """
    trial = _trial(path, source, destination, setting, given)
    # The child makes a connection of its own.
    connections.close_all()
    return dry_run(replace(trial, output=output, detailed=detailed, read=tuple(read)), stop_when_readable)


def try_many(
    asked: Sequence[tuple[Path, str, str, Setting]], seconds: float
) -> list[dict[str, Any] | UnusableFile | UnknownTitle]:
    """
    Results of the first of these (file, source, destination, setting), or why there is none: one at least.

    No more is begun after ``seconds``.
    """
    trials: list[Trial] = []
    for one in asked:
        try:
            trials.append(_trial(*one))
        except UnknownTitle as error:
            if not trials:
                return [error]
            break
    connections.close_all()
    return [*dry_runs(trials, seconds)]


def _trial(path: Path, source: str, destination: str, setting: Setting, given: Given = NOTHING_GIVEN) -> Trial:
    title, unaddressed = _destination(setting.titles, destination)
    source = _checked("--source", source)
    service = settings.CAPACITOR
    # One that waits in the queue is not counted twice: the image in hand is New, as it would be.
    queued = _item_of(path.absolute())

    def facts(identity: Identity) -> Facts:
        return TrialFacts(setting.titles, _item(identity, source, title), setting.queue(queued), given)

    limits = Limits(seconds=service.lua_seconds, memory_bytes=service.lua_memory << 20, restricted=True)
    scripts, marked = setting.scripts, setting.deidentified
    return Trial(path, source, title, unaddressed, scripts, facts, limits, deidentified=marked)


def _item_of(path: Path) -> int | None:
    """The item whose received file this is (spool/YYYYMMDD/HH/<id>.dcm); None for any other file."""
    in_spool = list(path.parents[2:3]) == [spool_folder()]
    return int(path.stem) if in_spool and path.stem.isdecimal() else None


def _deidentified(nodes: Iterable[WrittenNode] | None) -> frozenset[str]:
    """Of the nodes of a directory, or of the database where it does not speak of nodes."""
    if nodes is None:
        marked = Node.objects.filter(role=Node.Role.STORAGE, deidentified=True)
        return frozenset(marked.values_list("ae_title", flat=True))
    return frozenset(node.values["ae_title"] for node in nodes if node.for_storage and node.values["deidentified"])


def _database_facts(without: int | None) -> QueueDatabaseFacts:
    # These bring the network, which takes a while to load and is not needed with a directory.
    from routing.engine.directory import Directory
    from routing.engine.preparing.facts import QueueDatabaseFacts
    from routing.engine.preparing.state_book import StateBook

    with connection.cursor() as cursor:
        read_only = {"sqlite": "PRAGMA query_only = ON", "postgresql": "SET default_transaction_read_only = on"}
        cursor.execute(read_only[connection.vendor])
    return QueueDatabaseFacts(Directory.of_service(), StateBook(), lambda: None, without)


def _destination(titles: TitleBook, ae_title: str) -> tuple[str, bool]:
    """AE title of the node that ``ae_title`` means, and whether it is the router's own."""
    found = titles.resolve(ae_title)
    if found.meaning is Meaning.NODE or found.meaning is Meaning.UNADDRESSED:
        return found.ae_title, found.meaning is Meaning.UNADDRESSED
    if found.meaning is Meaning.DISABLED:
        raise UnknownTitle(f"--destination: {found.ae_title!r} is disabled")
    if not titles.titles():
        # Scripts alone can be tried before there are nodes.
        return _checked("--destination", ae_title), False
    near = titles.nearest(ae_title)
    raise UnknownTitle(
        f"--destination: no Storage node has the AE title {ae_title!r}" + (f"; did you mean {near!r}?" if near else "")
    )


def _checked(option: str, ae_title: str) -> str:
    try:
        return checked(ae_title)
    except ValueError as error:
        raise UnknownTitle(f"{option}: {error}") from None


def _item(identity: Identity, source: str, destination: str) -> QueueItemFacts:
    now = datetime.now(UTC).isoformat()
    return QueueItemFacts(
        id=0,
        state="New",
        sourceAeTitle=source,
        destinationAeTitle=destination,
        studyInstanceUID=identity.study_instance_uid,
        seriesInstanceUID=identity.series_instance_uid,
        sopInstanceUID=identity.sop_instance_uid,
        sopClassUID=identity.sop_class_uid,
        modality=identity.modality,
        patientID=identity.patient_id,
        patientName=identity.patient_name,
        accessionNumber=identity.accession_number,
        attemptCount=0,
        lastError="",
        format="dcm",
        pendingState="",
        createdAt=now,
        updatedAt=now,
    )
