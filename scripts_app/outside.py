"""What the script pages ask of the rest of the router; routing fills it in at start-up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PHI = "routing.view_phi"
"""The right to see patient data."""


@dataclass(frozen=True, slots=True)
class QueueSample:
    """A queue item to try scripts on."""

    file: Path
    name: str
    source_ae_title: str
    destination_ae_title: str


@dataclass(frozen=True, slots=True)
class Leaving:
    """How an image would go to a node."""

    taken: bool | None
    """None: not known."""
    transfer_syntax: str
    why: str


@dataclass(frozen=True, slots=True)
class SampleCopy:
    """A file that is ready to be kept."""

    image: bytes
    about: str
    deidentified: bool
    note: str
    """What de-identification has done."""


class NoPicture(Exception):
    """There is no picture of the file; the text is a sentence that says why."""


class NoSample(Exception):
    """The item, or its file, is not there; the text says so."""


@dataclass(slots=True)
class Outside:
    ae_titles: Callable[[], Sequence[str]] = tuple
    """AE titles of the Storage nodes and the router's own: what an entry may be for."""
    destinations: Callable[[], Sequence[str]] = tuple
    """Every AE title that ``route:Add`` takes, aliases too."""
    called_titles: Callable[[], Mapping[str, str]] = dict
    """Every AE title that a sender may call, with that of the node it leads to; the router's own leads to itself."""
    audit: Callable[..., object] = lambda actor, action, object, **detail: None
    """Note a deed, in its transaction (routing/audit/log.py)."""
    audit_once: Callable[..., object] = lambda actor, action, object, **detail: None
    """The same for what people do again and again, such as dry runs while they type."""
    queue_sample: Callable[[int], QueueSample] | None = None
    """The received file of an item by its id; NoSample."""
    leaving: Callable[[str, str, str], Leaving] = lambda destination, sop_class_uid, transfer_syntax_uid: Leaving(
        None, transfer_syntax_uid, "nothing is known of nodes"
    )
    """Would the node take this SOP class in this transfer syntax?"""
    picture: Callable[[Path], tuple[dict[str, Any], bytes]] | None = None
    """What is known of a file's first frame, and a PNG of it, made in a process of its own; NoPicture."""
    copied: Callable[[Path, bool], SampleCopy] | None = None
    """A file made fit to be kept, de-identified if wanted, in a process of its own; NoSample."""
    first_item_now: Callable[[], int] = lambda: 0
    """The smallest id that an item received from now on can have."""
    recent_items: Callable[[], Sequence[tuple[int, str]]] = tuple
    """The last items whose files are there, with what they are, without patient data."""
    bundled: Callable[[], Sequence[str]] = tuple
    """Names of the synthetic samples."""
    bundled_sample: Callable[[str], bytes] | None = None
    """The file of one of them."""


outside = Outside()
