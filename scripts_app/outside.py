"""What the script pages ask of the rest of the router; routing fills it in at start-up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class QueueSample:
    """A queue item to try scripts on."""

    file: Path
    name: str
    source_ae_title: str
    destination_ae_title: str


class NoSample(Exception):
    """The item, or its file, is not there; the text says so."""


@dataclass(slots=True)
class Outside:
    ae_titles: Callable[[], Sequence[str]] = tuple
    """AE titles of the Storage nodes and the router's own: what an entry may be for."""
    destinations: Callable[[], Sequence[str]] = tuple
    """Every AE title that ``route:Add`` takes, aliases too."""
    audit: Callable[..., object] = lambda actor, action, object, **detail: None
    """Note a deed, in its transaction (routing/audit.py)."""
    queue_sample: Callable[[int], QueueSample] | None = None
    """The received file of an item by its id; NoSample."""
    bundled: Callable[[], Sequence[str]] = tuple
    """Names of the synthetic samples."""
    bundled_sample: Callable[[str], bytes] | None = None
    """The file of one of them."""


outside = Outside()
