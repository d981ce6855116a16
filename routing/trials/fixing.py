"""A failed item on its way to a better script: what failed where, and which items wait for the fix."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import asdict, dataclass
from typing import Any

from routing.core.states import QueueState
from routing.forms.queue_filter import QueueFilter, cause_of
from routing.models import PrepareReport, QueueItem
from routing.people.sight import Sight
from scripts_app.core.collection import Collection, collection_of, entry_of
from scripts_app.loader import from_version
from scripts_app.models import Activation, ScriptVersion

_KEY = "script_fixing"
_AROUND = 3
"""Lines shown before and behind the failing one."""


@dataclass(frozen=True, slots=True)
class Fixing:
    """What somebody is about to put right; kept in the session, so without any patient's values."""

    item: int
    version: int | None
    entry: int | None
    """Number among the enabled entries of the version; None: the process ended before it could tell."""
    file: str = ""
    """Chunk that the error came from."""
    line: int | None = None
    cause: str = ""
    """Name of the cause, when the item failed by it."""
    after: int = 0
    """Newest activation when it began: a later one may hold the fix."""

    @property
    def retry_filter(self) -> dict[str, str]:
        """The filter of the queue that finds all items which failed likewise."""
        filters = {"state": QueueState.FAILED.value, "error": self.cause}
        return filters if self.version is None else {**filters, "version": str(self.version)}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the text that failed stands: a library file, or an entry with its key in the draft."""

    library: str
    """Path; empty for an entry."""
    key: str | None
    """None: the draft has no such entry any more."""
    entry: dict[str, Any]
    source: str
    """The Lua text as it was when it failed."""


def failure_of(item: QueueItem, number: int | None = None) -> Fixing | None:
    """What went wrong for an item, in its entry ``number`` or the first that did; None when nothing went wrong."""
    report = PrepareReport.objects.filter(item_id=item.decided_in, errors__gt=0).last()
    if report is None:
        return None
    errors = [each for each in report.entries if each["status"] == "error" and number in (None, each["number"])]
    found = errors[-1] if number is None and report.verdict == "failed" and errors else next(iter(errors), None)
    failed = item.state == QueueState.FAILED and item.prepared_at is None
    newest = Activation.objects.values_list("pk", flat=True).first() or 0
    return Fixing(
        item.decided_in,
        report.script_version_id,
        found["number"] if found else None,
        found["file"] if found else "",
        found["line"] if found else None,
        cause_of(item.last_error) if failed else "",
        newest,
    )


def reason_of(fixing: Fixing) -> str:
    """What the script said; it may quote a patient's values."""
    report = PrepareReport.objects.filter(item_id=fixing.item, errors__gt=0).last()
    if report is None:
        return ""
    said = next((each["reason"] for each in report.entries if each["number"] == fixing.entry), "")
    return str(said or report.message)


def keep(session: MutableMapping[str, Any], fixing: Fixing) -> None:
    session[_KEY] = asdict(fixing)


def of_session(session: Mapping[str, Any]) -> Fixing | None:
    kept = session.get(_KEY)
    return Fixing(**kept) if kept else None


def forget(session: MutableMapping[str, Any]) -> None:
    session.pop(_KEY, None)


def place_of(fixing: Fixing, draft: Collection) -> Place | None:
    """Where the failing text is to be put right; None when the version does not tell."""
    if fixing.version is None or fixing.entry is None:
        return None
    stored = ScriptVersion.objects.filter(pk=fixing.version).first()
    if stored is None:
        return None
    then = collection_of(from_version(stored))
    if not 0 < fixing.entry <= len(then["entries"]):
        return None
    entry = then["entries"][fixing.entry - 1]
    if fixing.file in then["libraries"]:
        return Place(fixing.file, None, entry, then["libraries"][fixing.file])
    return Place("", _key_in(draft, fixing, entry), entry, entry.get("script", ""))


def _key_in(draft: Collection, fixing: Fixing, entry: Mapping[str, Any]) -> str | None:
    """A version knows no keys: its activations do, else the same text tells which entry it is."""
    made = Activation.objects.filter(version_id=fixing.version).first()
    if made is not None:
        enabled = [each for each in made.content["entries"] if each["enabled"]]
        key = enabled[(fixing.entry or 1) - 1]["key"] if (fixing.entry or 1) <= len(enabled) else None
        if key is not None and entry_of(draft, key) is not None:
            return str(key)
    same = (each["key"] for each in draft["entries"] if each.get("script") == entry.get("script"))
    return next(same, None)


def excerpt(source: str, line: int | None) -> list[tuple[int, str, bool]]:
    """Number, text, and whether it is the failing one, of the lines around it."""
    if line is None:
        return []
    lines = list(enumerate(source.splitlines(), start=1))
    return [(number, text, number == line) for number, text in lines[max(0, line - 1 - _AROUND) : line + _AROUND]]


def waiting_for(fixing: Fixing) -> int:
    """How many items failed with the same cause under the same version, and still wait."""
    if not fixing.cause:
        return 0
    chosen = QueueFilter(fixing.retry_filter, sight=Sight(True))
    return chosen.matching(QueueItem.objects.all(), bounded=True).count()
