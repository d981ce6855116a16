"""The association that a courier keeps open between batches, reopened where a batch needs other contexts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager

from routing.core.instance import OutgoingInstance, SendResult
from routing.dicom.contexts import plan
from routing.dicom.storage_scu import StorageAssociation
from routing.engine.nodes.target import Target

Wanted = tuple[str, Sequence[str]]
"""A SOP class and the transfer syntaxes to propose for it."""


class KeptAssociation:
    """At most one open association of one courier; for that courier's thread only."""

    def __init__(self, opening: Callable[[bool], AbstractContextManager[None]]) -> None:
        """``opening(ended)`` is entered for as long as the node is asked for one; ``ended``: it had one until now."""
        self._opening = opening
        self.answered = 0
        """Requests that were answered over the association that is open."""
        self.rested = False
        """No request has been answered over it since it was set aside: the node may have closed it meanwhile."""
        self._open: StorageAssociation | None = None
        self._route: tuple[Target, str] | None = None
        self._proposed: frozenset[tuple[str, str]] = frozenset()

    def prepare(self, target: Target, calling_ae_title: str, first: Wanted, others: Iterable[Wanted]) -> None:
        """
        Have an association that has proposed what the first item needs; AssociationFailed when there is none.

        Where one has to be opened, it proposes also what the other items need
        and what the one before had, as far as 128 contexts go.
        """
        route = (target, calling_ae_title)
        needed = {(first[0], syntax) for syntax in first[1]}
        fits = route == self._route and needed <= self._proposed
        if self._open is not None and fits and not self._open.is_over:
            return
        before = (
            [(sop_class, (syntax,)) for sop_class, syntax in sorted(self._proposed)] if route == self._route else []
        )
        ended = self.release()
        contexts = plan([first, *others, *before])[0]
        with self._opening(ended):
            self._open = StorageAssociation.open(target.address(calling_ae_title), contexts)
        self._route = route
        self._proposed = frozenset((sop_class, syntax) for sop_class, syntaxes in contexts for syntax in syntaxes)
        self.answered = 0
        self.rested = False

    @property
    def is_open(self) -> bool:
        """Whether the node has an association, or is being told that it ends."""
        return self._open is not None

    def rest(self) -> None:
        """No item waits for it at the moment."""
        self.rested = self._open is not None

    def accepts(self, sop_class_uid: str, transfer_syntax_uid: str) -> bool:
        return self._open is not None and self._open.accepts(sop_class_uid, transfer_syntax_uid)

    def send(self, instance: OutgoingInstance, priority: int, deadline_seconds: float | None) -> SendResult:
        """Send over the association that prepare() left open; whatever it raises ends the association."""
        association = self._open
        if association is None:
            raise RuntimeError("prepare() comes before send()")
        try:
            result = association.send(instance, priority, deadline_seconds)
        except BaseException:
            # Half a message may be on the wire.
            association.abort()
            raise
        if result.status is not None:
            self.answered += 1
            self.rested = False
        return result

    def release(self) -> bool:
        """End it in order; whether there was one."""
        association = self._open
        try:
            if association is not None:
                association.release()
        finally:
            self._open = None
        return association is not None
