"""What running the entries over one image came to: a value that says all, and does nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from scripts_app.core.dataset.recipe import Recipe

NO_ROUTE = "no route: the image was sent to the router itself and no script routed it"


class Verdict(StrEnum):
    """What the scripts decided for the image."""

    PREPARED = "prepared"
    """Its outputs are to be sent."""
    DROPPED = "dropped"
    """route:Drop() and no copy: nothing is to be sent."""
    RETRY = "retry"
    """error('retry ...'): stays in the queue, tried again later."""
    FAILED = "failed"
    """error('fail ...'), OnError fail, or a failing route function: nothing of this image leaves."""


class EntryStatus(StrEnum):
    RAN = "ran"
    SKIPPED = "skipped"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Change:
    """One edit as the audit log keeps it."""

    operation: str
    """The API's name: Set, Remove, Populate, Append, Delete."""
    path: str
    """gggg,eeee, or a path such as 0008,1140[1].0008,1155."""
    keyword: str
    """Empty for private and unknown elements."""
    old: str | None
    new: str | None
    entry: int
    """Number of the entry, 1-based."""
    line: int | None
    destination: str = ""
    """AE title of the copy whose function made the change; empty for the image itself."""


@dataclass(frozen=True, slots=True)
class RouteCall:
    """One route:Add or route:Drop that held until the end."""

    operation: str
    destination: str
    entry: int
    line: int | None


@dataclass(frozen=True, slots=True)
class EntryReport:
    """What one entry did, or why it did not run."""

    number: int
    description: str
    status: EntryStatus
    reason: str
    """Why it was skipped (condition and actual value) or the error's message; empty when it ran."""
    file: str = ""
    """Chunk the error came from, e.g. ``libs/phi.lua``."""
    line: int | None = None


@dataclass(frozen=True, slots=True)
class LogLine:
    level: str
    """debug, info, warning or error."""
    message: str
    entry: int
    line: int | None


@dataclass(frozen=True, slots=True)
class Identity:
    """The values of an output that its queue row shows."""

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    modality: str
    patient_id: str
    patient_name: str
    accession_number: str


@dataclass(frozen=True, slots=True)
class Output:
    """One data set to send."""

    destination: str
    """AE title of the node, resolved."""
    original: bool
    recipe: Recipe | None
    """None: byte for byte as it came."""
    identity: Identity
    changes: tuple[Change, ...]
    """All edits that made it: the image's own, then those of its route function."""


@dataclass(frozen=True, slots=True)
class Outcome:
    verdict: Verdict
    message: str
    entries: tuple[EntryReport, ...]
    outputs: tuple[Output, ...]
    changes: tuple[Change, ...] = ()
    """Edits of the image itself, in order, rolled back ones left out."""
    routes: tuple[RouteCall, ...] = ()
    item_log: tuple[LogLine, ...] = ()
    """Lines of print(), those of failed entries too."""
    log: tuple[LogLine, ...] = ()
    """Lines of log:info() and friends."""
    state: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """{"study": {...}, "series": {...}} after the run."""
    state_changed: frozenset[str] = frozenset()
    """Which of "study" and "series" must be written back."""
    cut_short: bool = False
    """The process that ran the entries ended before it could tell what became of them."""
