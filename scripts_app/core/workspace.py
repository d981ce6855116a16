"""What the scripts of one image have asked for so far, with savepoints that take it back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from scripts_app.core.dataset.document import Document, Mark
from scripts_app.core.outcome import Change, RouteCall
from scripts_app.core.scoped_state import ScopedState


@dataclass(frozen=True, slots=True)
class Image:
    """One received image on its way to one destination."""

    document: Document
    source_ae_title: str
    destination_ae_title: str
    """AE title of the node; the router's own when the image is unaddressed."""
    unaddressed: bool = False
    """Called the router itself (D1): only routed copies go out."""


@dataclass(frozen=True, slots=True)
class Route:
    """One copy asked for; the last call for a destination wins."""

    call: RouteCall
    function: Any
    """The Lua function that edits the copy, or None."""


@dataclass(slots=True)
class Target:
    """A data set that scripts may edit: the image's own, or one copy."""

    document: Document
    destination: str = ""
    """AE title of the copy's node; empty for the image itself."""
    changes: list[Change] = field(default_factory=list)
    closed: str = ""
    """Why it may not be edited any more; empty while it may."""


@dataclass(frozen=True, slots=True)
class Savepoint:
    document: Mark
    changes: int
    routes: dict[str, Route]
    drop: RouteCall | None
    states: tuple[int, ...]


class Workspace:
    """The image's data set, its routes, its drop mark and its study and series state."""

    def __init__(self, image: Image, study: ScopedState, series: ScopedState) -> None:
        self.image = image
        self.own = Target(image.document)
        self.routes: dict[str, Route] = {}
        """By AE title, in the order of each title's first route:Add."""
        self.drop: RouteCall | None = None
        self.states = {"study": study, "series": series}

    def savepoint(self) -> Savepoint:
        return Savepoint(
            self.image.document.mark(),
            len(self.own.changes),
            dict(self.routes),
            self.drop,
            tuple(state.mark() for state in self.states.values()),
        )

    def rollback(self, savepoint: Savepoint) -> None:
        """Put back everything but log lines and Lua's own variables (D7)."""
        self.image.document.rollback(savepoint.document)
        del self.own.changes[savepoint.changes :]
        self.routes = dict(savepoint.routes)
        self.drop = savepoint.drop
        for state, mark in zip(self.states.values(), savepoint.states, strict=True):
            state.rollback(mark)
