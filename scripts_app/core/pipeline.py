"""Run the matching entries over one image and report what they came to (D11: dry run and live run alike)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scripts_app.core.conditions.errors import WrongCondition
from scripts_app.core.conditions.match import first_failure
from scripts_app.core.dataset.document import DatasetError
from scripts_app.core.lua.errors import FailRequested, LimitExceeded, RetryRequested, ScriptError, ScriptFailed
from scripts_app.core.lua.host import Host
from scripts_app.core.lua.limits import Limits
from scripts_app.core.lua.log import OnLine, ScriptLog
from scripts_app.core.lua.session import Session
from scripts_app.core.outcome import NO_ROUTE, EntryReport, EntryStatus, Identity, Outcome, Output, Verdict
from scripts_app.core.ports import Entry, Facts, ScriptSet
from scripts_app.core.reports import error_report, named, skipped, wrong_destination
from scripts_app.core.scoped_state import ScopedState
from scripts_app.core.workspace import Image, Route, Workspace

__all__ = ["Image", "Limits", "run_entries"]

_FINISHED = "the image is finished when route functions run; edit the copy that the function receives"
OnEntry = Callable[[Entry | None, Sequence[EntryReport]], None]
_COPY_FINISHED = "this copy is finished; each route function edits its own"


def run_entries(
    scripts: ScriptSet,
    image: Image,
    facts: Facts,
    limits: Limits,
    *,
    on_entry: OnEntry | None = None,
    on_line: OnLine | None = None,
) -> Outcome:
    """
    Run the entries in order, then the route functions; nothing outside is changed.

    ``image.document`` carries the edits afterwards; closing it is the caller's.
    ``on_entry`` hears of each entry before its conditions, and again before its
    route function, with the reports so far, and of None where none is run any
    more: a watchdog which has to kill this process can tell where it was.
    ``on_line`` hears of each line of print and log, which stay also then.

    Exceptions are faults of this program or of ``facts``, never an author's.
    """
    run = _Run(scripts, image, facts, limits, on_entry or (lambda entry, reports: None), on_line)
    try:
        return run.outcome()
    finally:
        run.close()


@dataclass(slots=True)
class _Stop(Exception):
    """The pipeline stops here."""

    verdict: Verdict
    message: str


@dataclass(slots=True)
class _Run:
    scripts: ScriptSet
    image: Image
    facts: Facts
    limits: Limits
    on_entry: OnEntry
    on_line: OnLine | None
    reports: list[EntryReport] = field(default_factory=list)
    session: Session | None = None
    log: ScriptLog = field(init=False)
    received: Identity = field(init=False)
    uids: dict[str, str] = field(init=False)
    workspace: Workspace = field(init=False)
    host: Host = field(init=False)

    def __post_init__(self) -> None:
        self.received = identity = self.image.document.identity()
        self.uids = {"study": identity.study_instance_uid, "series": identity.series_instance_uid}
        states = {scope: ScopedState(self._loader(scope, uid)) for scope, uid in self.uids.items()}
        self.log = ScriptLog(self.limits, self.on_line)
        self.workspace = Workspace(self.image, **states)
        self.host = Host(self.workspace, self.facts, self.log, identity.study_instance_uid, self.limits.memory_bytes)

    def _loader(self, scope: str, uid: str) -> Callable[[], Mapping[str, Any]]:
        # Without a UID nobody shares the table: it lives as long as this image.  And it must not hold the run, which
        # holds it: all of the image would stay until a garbage collection.
        facts = self.facts
        return lambda: facts.state(scope, uid) if uid else {}

    def close(self) -> None:
        # The functions hold the VM, which has to end now and not at some later garbage collection.
        self.workspace.routes = {}
        if self.session:
            self.session.close()

    def outcome(self) -> Outcome:
        outputs: tuple[Output, ...] = ()
        try:
            self._entries()
            outputs = self._outputs()
            self._check_names(outputs)
            verdict, message = self._verdict(outputs)
        except _Stop as stop:
            outputs, verdict, message = (), stop.verdict, stop.message
        # What does not end from here on, such as a finaliser, may be of any of them; the last need not have run.
        self.on_entry(None, self.reports)
        calls = [route.call for route in self.workspace.routes.values()]
        states = self.workspace.states
        if verdict not in (Verdict.PREPARED, Verdict.DROPPED):
            # The image will be prepared again: it would count twice.
            for state in states.values():
                state.rollback(0)
        return Outcome(
            verdict,
            message,
            tuple(self.reports),
            outputs,
            tuple(self.workspace.own.changes),
            (*calls, *([self.workspace.drop] if self.workspace.drop else [])),
            self.log.finished("item"),
            self.log.finished("application"),
            {scope: state.export() for scope, state in states.items() if state.touched},
            frozenset(scope for scope, state in states.items() if state.changed and self.uids[scope]),
        )

    def _verdict(self, outputs: tuple[Output, ...]) -> tuple[Verdict, str]:
        if outputs:
            return Verdict.PREPARED, ""
        if self.workspace.drop:
            return Verdict.DROPPED, ""
        return Verdict.FAILED, NO_ROUTE

    def _entries(self) -> None:
        entries = self.scripts.entries
        for position, entry in enumerate(entries):
            try:
                self._entry(entry)
            except _Stop:
                reason = f"not reached: entry {entry.number} stopped the pipeline"
                self.reports += [skipped(later, reason) for later in entries[position + 1 :]]
                raise

    def _entry(self, entry: Entry) -> None:
        self.on_entry(entry, self.reports)
        try:
            reason = self._why_not(entry)
        except (WrongCondition, DatasetError) as error:
            self._failed(entry, ScriptFailed(f"condition: {error}"))
            return
        if reason is not None:
            self.reports.append(skipped(entry, reason))
            return
        self.host.entry = entry.number
        savepoint = self.workspace.savepoint()
        try:
            self._vm().run(entry.script, entry.chunk)
        except ScriptError as error:
            self.workspace.rollback(savepoint)
            self._failed(entry, error)
        else:
            self.reports.append(EntryReport(entry.number, entry.description, EntryStatus.RAN, ""))

    def _why_not(self, entry: Entry) -> str | None:
        """Why an entry does not apply; None when it does.  Conditions read the values edited so far."""
        wrong = wrong_destination(entry, self.image.destination_ae_title)
        return wrong if wrong is not None else first_failure(entry.conditions, self.image.document.root)

    def _vm(self) -> Session:
        """The image's VM; an image that no entry applies to gets none."""
        if self.session is None:
            self.session = Session(self.host, self.limits, self.scripts.libraries)
        return self.session

    def _failed(self, entry: Entry, error: ScriptError) -> None:
        """Report an entry's error, and stop when the author or the entry's OnError says so."""
        self.reports.append(error_report(entry, error.message, error))
        if isinstance(error, RetryRequested):
            raise _Stop(Verdict.RETRY, named(entry, error))
        if isinstance(error, FailRequested | LimitExceeded) or entry.on_error == "fail":
            raise _Stop(Verdict.FAILED, named(entry, error))

    def _outputs(self) -> tuple[Output, ...]:
        self.on_entry(None, self.reports)
        document, own = self.image.document, self.workspace.own
        recipe, identity, changes = document.recipe(), document.identity(), tuple(own.changes)
        outputs: list[Output] = []
        if not self.workspace.drop and not self.image.unaddressed:
            outputs.append(Output(self.image.destination_ae_title, True, recipe, identity, changes))
        own.closed = _FINISHED
        for destination, route in self.workspace.routes.items():
            if route.function is None:
                outputs.append(Output(destination, False, recipe, identity, changes))
            else:
                outputs.append(self._edited_copy(destination, route))
        return tuple(outputs)

    def _check_names(self, outputs: tuple[Output, ...]) -> None:
        """A C-STORE names the instance; one that lacked it in the data set has it from its own C-STORE."""
        for output in outputs:
            for uid in ("sop_class_uid", "sop_instance_uid"):
                if getattr(self.received, uid) and not getattr(output.identity, uid):
                    message = f"the scripts left {output.destination} an image without SOP Class or Instance UID"
                    raise _Stop(Verdict.FAILED, message)

    def _edited_copy(self, destination: str, route: Route) -> Output:
        entry = next(entry for entry in self.scripts.entries if entry.number == route.call.entry)
        clone = self.image.document.clone()
        copy, handle = self.host.add_copy(clone, destination)
        self.on_entry(entry, self.reports)
        self.host.entry, self.host.in_function = entry.number, True
        try:
            self._vm().run_function(route.function, handle, entry.chunk)
        except ScriptError as error:
            # Whatever the message asks for: if any function fails, the entire file fails.
            self._reported_later(entry, f"route function for {destination}: {error.message}", error)
            raise _Stop(Verdict.FAILED, f"{named(entry, error)} (route function for {destination})") from None
        finally:
            copy.closed = _COPY_FINISHED
        changes = (*self.workspace.own.changes, *copy.changes)
        return Output(destination, False, clone.recipe(), clone.identity(), changes)

    def _reported_later(self, entry: Entry, reason: str, error: ScriptError) -> None:
        """An entry that ran has failed after all, by its route function."""
        at = next(at for at, report in enumerate(self.reports) if report.number == entry.number)
        self.reports[at] = error_report(entry, reason, error)
