"""The finished but unrecorded part of a prepare batch: written in one transaction, files first, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from routing.audit.store import keep
from routing.core.plan import Plan
from routing.core.states import QueueEvent, QueueState
from routing.database.away import is_away
from routing.database.rows import insert
from routing.engine import story
from routing.engine.directory import Directory
from routing.engine.preparing.state_book import StateBook, StateConflict
from routing.engine.reconcile import node_deleted
from routing.models import HistoryEntry, ItemLogLine, PrepareReport, QueueItem
from routing.processes.application_log import place_of
from routing.queue.claims import Unprepared, holds_lanes, release_lanes
from routing.queue.item_log import log_line
from routing.queue.record import Move, record
from scripts_app.core.outcome import Identity, LogLine, Outcome, Output


class LeaseLost(Exception):
    """Another worker has taken an item or a study of the batch: nothing of it may be written."""


class CannotRecord(Exception):
    """The database refuses something in the batch: one item would hold up all others for ever."""


class Batch:
    """Collects what became of items; ``write`` carries it out."""

    def __init__(
        self, owner: str, states: StateBook, directory: Directory, new_id: Callable[[], int], process_delay: timedelta
    ) -> None:
        self._owner, self._states, self._directory, self._new_id = owner, states, directory, new_id
        self._process_delay = process_delay
        self.clear()

    def clear(self) -> None:
        """Forget what is not written."""
        self._moves: list[Move] = []
        self._lanes: set[str] = set()
        self._copies: list[dict[str, Any]] = []
        self._history: list[dict[str, Any]] = []
        self._reports: list[dict[str, Any]] = []
        self._log_lines: list[dict[str, Any]] = []
        self._audit: list[dict[str, Any]] = []

    def __bool__(self) -> bool:
        return bool(self._moves)

    def give_up(self, item: Unprepared, message: str, traceback: str = "", printed: Iterable[LogLine] = ()) -> None:
        """The item failed outside its scripts' own decisions; what they had printed by then is kept."""
        self._log_lines += story.printed(item.id, printed, timezone.now())
        self._moves.append(Move(item.id, QueueState.NEW, QueueEvent.GAVE_UP, message, {"last_error": message}))
        if traceback:
            self._log_lines.append(log_line(item.id, "error", traceback, timezone.now()))

    def put_off(self, item: Unprepared, message: str, retry_after: timedelta) -> None:
        """The machine lacks something that the item needs: it is tried again."""
        columns = {"last_error": message, "not_before": timezone.now() + retry_after}
        self._moves.append(Move(item.id, QueueState.NEW, QueueEvent.DEFERRED, message, columns))

    def add(
        self,
        item: Unprepared,
        outcome: Outcome,
        plan: Plan,
        *,
        received: Identity,
        version: int | None,
        retry_after: timedelta,
        milliseconds: float,
        files: Mapping[str | None, str],
        lane: str,
    ) -> None:
        """
        Take the outcome of one item.

        ``received`` is what its data set said before the scripts ran, ``lane``
        the study it was claimed under, empty without lanes.
        ``files`` gives, for outputs that a recipe can't express, the name of
        the prepared file by the copy's destination, None for the original.
        """
        now = timezone.now()
        columns: dict[str, Any] = {"script_version_id": version, "last_error": ""}
        if plan.event is QueueEvent.DEFERRED:
            columns |= {"not_before": now + retry_after, "last_error": plan.note}
        elif plan.event is QueueEvent.GAVE_UP:
            columns["last_error"] = plan.note
        elif plan.original is not None:
            columns |= self._output_columns(plan.original, item.node_id, files.get(None, ""), now)
            columns |= _changed(item, _identity(item, plan.original, received))
        copies = [
            self._copy(item, copy, received, version, files.get(copy.destination, ""), now) for copy in plan.copies
        ]
        # Nothing is kept before all is made: an error above must not leave half an item in the batch.
        self._moves.append(Move(item.id, QueueState.NEW, plan.event, plan.note, columns))
        self._lanes.update({lane} - {""})
        self._copies += copies
        self._history += [_copied(item, row) for row in copies]
        self._add_story(item, outcome, version, milliseconds, now)

    def write(self, *, release: bool = False) -> None:
        """
        Record everything collected; LeaseLost, StateConflict, CannotRecord and django.db.Error leave no trace.

        With ``release`` the worker's lanes end in the same transaction.
        A move that does not happen means that the item is somebody else's now,
        and then what its scripts set in the study's table must not stay either.
        """
        if not self._moves:
            return
        try:
            with transaction.atomic():
                if not holds_lanes(self._owner, self._lanes):
                    raise LeaseLost("a study of the batch was taken over")
                moved = record(self._moves, actor="worker", owner=self._owner)
                if len(moved) != len(self._moves):
                    raise LeaseLost(f"{len(self._moves) - len(moved)} items of the batch were taken over")
                self._states.write()
                insert(QueueItem, self._copies)
                insert(HistoryEntry, self._history)
                insert(PrepareReport, self._reports)
                insert(ItemLogLine, self._log_lines)
                keep(self._audit)
                if release:
                    release_lanes(self._owner)
        except (LeaseLost, StateConflict):
            self._states.forget()
            raise
        except Exception as error:
            self._states.forget()
            # A database that is away, busy or read-only: no item is to blame for that.
            if is_away(error):
                raise
            raise CannotRecord(place_of(error)) from error
        finally:
            self.clear()

    def _output_columns(self, output: Output, node_id: int | None, file: str, now: datetime) -> dict[str, Any]:
        return {
            "recipe": output.recipe.dumps() if output.recipe and not file else None,
            "prepared_file": file,
            "prepared_at": now,
            "not_before": now + self._process_delay_for(node_id),
        }

    def _process_delay_for(self, node_id: int | None) -> timedelta:
        delay = self._directory.current().delays.get(node_id) if node_id is not None else None
        return self._process_delay if delay is None else delay

    def _copy(
        self, item: Unprepared, copy: Output, received: Identity, version: int | None, file: str, now: datetime
    ) -> dict[str, Any]:
        node_id = self._directory.resolve(copy.destination).node_id
        # The script's call found it; nobody would ever try, or miss, what waits for no node.
        lost = node_deleted(copy.destination) if node_id is None else ""
        return {
            "id": self._new_id(),
            "received_id": item.received_id,
            "copied_from": item.id,
            "state": QueueState.FAILED if lost else QueueState.PREPARED,
            "source_ae_title": item.source_ae_title,
            "called_ae_title": item.called_ae_title,
            "peer_address": item.peer_address,
            "association_id": item.association_id,
            "destination_ae_title": copy.destination,
            "node_id": node_id,
            "transfer_syntax_uid": item.transfer_syntax_uid,
            "size": item.size,
            "checksum": item.checksum,
            "dataset_offset": item.dataset_offset,
            "script_version_id": version,
            "lease_owner": "",
            "pending_state": "",
            "prepare_starts": 0,
            "attempt_count": 0,
            "last_error": lost,
            "warning": False,
            "created_at": now,
            "updated_at": now,
            **self._output_columns(copy, node_id, file, now),
            **_identity(item, copy, received),
        }

    def _add_story(
        self, item: Unprepared, outcome: Outcome, version: int | None, milliseconds: float, now: datetime
    ) -> None:
        if not (outcome.entries or outcome.cut_short):
            return
        report = story.report(item.id, outcome, version, milliseconds, now)
        self._reports.append(report)
        self._log_lines += story.log(item.id, outcome, now)
        self._audit += story.audit(item.id, outcome, version, report["routes"], now)


def _copied(item: Unprepared, row: Mapping[str, Any]) -> dict[str, Any]:
    note, lost = f"copy of item {item.id} for {row['destination_ae_title']}", row["last_error"]
    return {
        "item_id": row["id"],
        "at": row["created_at"],
        "event": "copied",
        "from_state": "",
        "to_state": row["state"],
        "actor": "worker",
        "note": f"{note}; {lost}" if lost else note,
    }


def _identity(item: Unprepared, output: Output, received: Identity) -> dict[str, Any]:
    """What no script changed stays as the sender's C-STORE said, also where its data set says otherwise."""
    return {
        name: getattr(item if getattr(output.identity, name) == getattr(received, name) else output.identity, name)
        for name in Identity.__slots__
    }


def _changed(item: Unprepared, identity: dict[str, Any]) -> dict[str, Any]:
    """What differs from the item's row: a database moves each entry of an index that is written, changed or not."""
    if item.script_version_id is not None:
        # The row has what an earlier preparation made of it.
        return identity
    return {name: value for name, value in identity.items() if value != getattr(item, name)}
