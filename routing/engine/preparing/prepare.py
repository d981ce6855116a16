"""Prepare received images: run the scripts over each, carry out what they asked for, keep the whole story."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta

from routing.core.plan import Plan, plan_for
from routing.core.shortage import SHORTAGES
from routing.database.away import is_away
from routing.engine import story
from routing.engine.directory import Directory
from routing.engine.pace import GATHER_MANY
from routing.engine.preparing.addressee import addressed, why_for_nobody
from routing.engine.preparing.batch import Batch, CannotRecord, LeaseLost
from routing.engine.preparing.facts import QueueDatabaseFacts
from routing.engine.preparing.images import OpenImage, as_received, open_image
from routing.engine.preparing.script_process import ScriptProcessEnded, run_apart
from routing.engine.preparing.settings import PrepareSettings
from routing.engine.preparing.state_book import StateBook, StateConflict
from routing.engine.reconcile import MISSING
from routing.engine.watching.said import lines_of
from routing.engine.watching.watch import Watch
from routing.processes.application_log import place_of
from routing.queue.claims import LEASE, Unprepared, claim_unprepared, release_lanes, renew
from routing.queue.giving_back import give_back
from routing.spool.prepared import PreparedFiles
from routing.spool.spool import Spool, SpoolGone
from scripts_app.core.dataset.opening import OPENING
from scripts_app.core.lua.log import by_kind
from scripts_app.core.outcome import EntryReport, Identity, Outcome, Output, Verdict
from scripts_app.core.pipeline import run_entries
from scripts_app.core.ports import Entry, ScriptSet
from scripts_app.core.reports import cut_short, reports_without_image
from scripts_app.core.workspace import Image
from scripts_app.loader import ScriptCache

log = logging.getLogger("capacitor.prepare")

_GRACE = 0.5
"""Seconds that the scripts' own limit has to end them politely before the watchdog ends the process."""
_FLUSH = GATHER_MANY
"""Seconds after which finished items are recorded although the batch goes on."""
_LOOK = 0.005
"""
Seconds for which the active scripts are believed: to ask for each image costs a query, and whoever
activates scripts is not told sooner that they are active.
"""
_NOT_THE_ITEM = (LeaseLost, StateConflict, CannotRecord, SpoolGone)
"""What happens to the batch, not to the item in hand; so does a database that is away."""


class Preparer:
    """One worker's preparing part; ``step`` is one unit of work."""

    def __init__(
        self,
        owner: str,
        spool: Spool,
        directory: Directory,
        settings: PrepareSettings,
        *,
        watch: Watch,
        new_id: Callable[[], int],
        prepared: Callable[[], None],
        stopping: Callable[[], bool] = lambda: False,
        tidy: Callable[[], object] = lambda: None,
    ) -> None:
        """
        ``prepared`` is called after items became ready for delivery, ``tidy`` after the scripts of each image;
        ``stopping`` cuts a batch short.
        """
        self._owner, self._spool, self._settings, self._watch = owner, spool, settings, watch
        self._files = PreparedFiles(spool.root)
        self._prepared, self._stopping, self._tidy = prepared, stopping, tidy
        self._scripts = ScriptCache()
        self._states = StateBook()
        self._directory = directory
        self._facts = QueueDatabaseFacts(directory, self._states, self._settle)
        self._batch = Batch(owner, self._states, directory, new_id, settings.process_delay)
        self._lease = LEASE + timedelta(seconds=settings.limits.seconds)
        """Longer than any one image may take."""
        self._flush_at = 0.0
        self._renew_at = 0.0
        self._look_at = 0.0
        self._holding = False
        """Whether the last batch was cut short, so that items and lanes are still held."""
        self._begun: Collection[int] | None = ()
        """Whose preparation stays counted when they are given back; None: all."""
        self.alone = False
        """Whether the last item was taken alone, for it had begun before: more may be due at once."""

    def step(self) -> int:
        """
        Claim, prepare and record a batch; returns how many items were claimed.

        When the database goes away in the middle (django.db.Error) the next
        step gives the batch back first.
        """
        if self._holding:
            give_back(self._owner, begun=self._begun)
            self._holding = False
        scripts = self._scripts.get()
        items = claim_unprepared(self._owner, self._settings.batch_size, lanes=bool(scripts.entries), lease=self._lease)
        if not items:
            return 0
        self._holding, self._begun = True, ()
        self.alone = items[0].prepare_starts > 1
        self._flush_at = time.monotonic() + _FLUSH
        self._renew_at = time.monotonic() + LEASE.total_seconds() / 3
        # At once: the claim may have waited for an activation.
        self._look_at = 0.0
        try:
            self._work_through(items, scripts)
        except (LeaseLost, StateConflict) as error:
            # Nothing of the unrecorded part has happened; whoever holds the items now prepares them anew.
            log.warning("prepare batch is put back: %s", error)
        except CannotRecord as error:
            # Counted, they are claimed alone from now on: the item that it comes from is found and given up.
            log.error("prepare batch cannot be recorded, its items are tried one by one: %s", error)
            self._begun = None
        finally:
            self._batch.clear()
            self._states.forget()
        return len(items)

    def _work_through(self, items: list[Unprepared], scripts: ScriptSet) -> None:
        whole = False
        for item in items:
            # After a roll-back none may pass the scripts that somebody has just taken back.
            if self._stopping() or self._are_replaced(scripts):
                break
            self._prepare(item, scripts)
            self._keep_pace()
        else:
            whole = True
        # Of one that is cut short the lanes end with the leases: sooner, a later image of a study could overtake it.
        self._settle(release=whole and bool(scripts.entries))
        self._holding = not whole

    def _are_replaced(self, scripts: ScriptSet) -> bool:
        now = time.monotonic()
        if now < self._look_at:
            return False
        self._look_at = now + _LOOK
        return self._scripts.get() is not scripts

    def _keep_pace(self) -> None:
        now = time.monotonic()
        if now >= self._flush_at:
            self._settle()
            self._flush_at = time.monotonic() + _FLUSH
        if now >= self._renew_at:
            self._renew()

    def _renew(self) -> None:
        renew(self._owner, self._lease)
        self._renew_at = time.monotonic() + LEASE.total_seconds() / 3

    def _settle(self, *, release: bool = False) -> None:
        if self._batch:
            self._batch.write(release=release)
            self._prepared()
        elif release:
            release_lanes(self._owner)

    def _prepare(self, item: Unprepared, scripts: ScriptSet) -> None:
        if item.prepare_starts > self._settings.tries:
            self._batch.give_up(item, f"its preparation began {self._settings.tries} times and never ended")
            return
        started = time.perf_counter()
        self._watch.begin(item.id, self._settings.limits.seconds + _GRACE)
        try:
            self._run(item, scripts, started)
        except _NOT_THE_ITEM:
            raise
        except FileNotFoundError:
            if self._spool.gone:
                raise SpoolGone(self._spool.root) from None
            self._batch.give_up(item, MISSING)
        except Exception as error:
            if is_away(error):
                raise
            if isinstance(error, OSError) and error.errno in SHORTAGES:
                text = f"{error.strerror}: tried again"
                log.error("item %d could not be prepared: %s", item.id, text)
                self._batch.put_off(item, text, self._settings.retry_after)
                return
            # One bad image must not stop the next; the traceback tells where our own code is wrong.
            log.error("item %d could not be prepared: %s", item.id, place_of(error))
            said = by_kind(lines_of(self._watch.said.read()))
            story.to_application_log(said["application"])
            self._batch.give_up(item, f"{type(error).__name__}: {error}", traceback.format_exc(), said["item"])
        finally:
            self._watch.end()

    def _run(self, item: Unprepared, scripts: ScriptSet, started: float) -> None:
        lane = item.study_instance_uid if scripts.entries else ""
        if item.script_version_id is not None:
            item = as_received(self._spool, item)
        if item.node_id is None:
            item = addressed(item, self._directory.current().titles, self._settings.own_ae_title)
        unaddressed = item.node_id is None and item.destination_ae_title == self._settings.own_ae_title
        if item.node_id is None and not unaddressed:
            self._batch.give_up(item, why_for_nobody(item))
        elif not unaddressed and (
            (skipped := reports_without_image(scripts.entries, item.destination_ae_title)) is not None
        ):
            outcome = _as_it_came(item, skipped)
            self._add(item, outcome, plan_for(outcome), scripts, started, {}, outcome.outputs[0].identity, lane)
        else:
            with open_image(self._spool, self._files, item, lambda: self._at_length(item)) as opened:
                self._run_scripts(item, scripts, started, opened, unaddressed, lane)

    def _run_scripts(
        self, item: Unprepared, scripts: ScriptSet, started: float, opened: OpenImage, unaddressed: bool, lane: str
    ) -> None:
        received = opened.document.identity()
        if self._watch.with_file:
            self._watch.begin(item.id, self._settings.limits.seconds + _GRACE)
        said = self._watch.said
        image = Image(opened.document, item.source_ae_title, item.destination_ae_title, unaddressed)
        try:
            if self._settings.apart:
                user, at = self._settings.script_user, self._watch.at
                outcome = run_apart(scripts, image, self._facts, self._settings.limits, user, at, said.add)
            else:
                limits = self._settings.limits
                outcome = run_entries(scripts, image, self._facts, limits, on_entry=self._at, on_line=said.add)
        except ScriptProcessEnded as error:
            outcome = cut_short(scripts.entries, str(error), self._watch.place, said=lines_of(said.read()))
        finally:
            self._tidy()
        plan = plan_for(outcome)
        files = opened.keep_outputs(plan)
        self._add(item, outcome, plan, scripts, started, files, received, lane)
        story.to_application_log(outcome.log)
        uids = {"study": received.study_instance_uid, "series": received.series_instance_uid}
        for scope in outcome.state_changed:
            # Without a UID there is nobody to share the table with: it ends with the image.
            if uids[scope]:
                self._states.keep(scope, uids[scope], outcome.state[scope])

    def _at_length(self, item: Unprepared) -> None:
        """A whole file is about to be written: that takes what its size needs, for which no script is to blame."""
        self._renew()
        self._watch.begin(item.id, OPENING, with_file=True)

    def _at(self, entry: Entry | None, reports: Sequence[EntryReport]) -> None:
        self._watch.at(entry.number if entry else 0, len(reports))

    def _add(
        self,
        item: Unprepared,
        outcome: Outcome,
        plan: Plan,
        scripts: ScriptSet,
        started: float,
        files: dict[str | None, str],
        received: Identity,
        lane: str,
    ) -> None:
        self._batch.add(
            item,
            outcome,
            plan,
            received=received,
            version=scripts.version,
            retry_after=self._settings.retry_after,
            milliseconds=round((time.perf_counter() - started) * 1000, 3),
            files=files,
            lane=lane,
        )


def _as_it_came(item: Unprepared, skipped: tuple[EntryReport, ...]) -> Outcome:
    """Without an entry for its destination there is nothing to ask: the file need not even be opened."""
    identity = Identity(
        item.sop_class_uid,
        item.sop_instance_uid,
        item.study_instance_uid,
        item.series_instance_uid,
        item.modality,
        item.patient_id,
        item.patient_name,
        item.accession_number,
    )
    original = Output(item.destination_ae_title, True, None, identity, ())
    return Outcome(Verdict.PREPARED, "", skipped, (original,))
