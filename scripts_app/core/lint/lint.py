"""Look over a result before it leaves: what a receiver would stumble over, and what it must not learn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import chain

from scripts_app.core.dataset.document import Document
from scripts_app.core.dataset.encoding import PIXEL_DATA
from scripts_app.core.dataset.errors import NotIndexable
from scripts_app.core.dataset.index import Index, scan
from scripts_app.core.dataset.journal import Journal
from scripts_app.core.dataset.overlay import Dataset
from scripts_app.core.dataset.recipe import Recipe
from scripts_app.core.lint.finding import Finding, Severity, elements_of
from scripts_app.core.lint.identifiers import identifier_findings, known_of, private_findings, whole_findings
from scripts_app.core.lint.required import required_findings
from scripts_app.core.lint.uids import reference_findings, replaced_uids, uid_findings
from scripts_app.core.lint.values import value_findings

MOST = 200
"""Findings that are told of one result."""
_HEAD = 8 << 20
"""Bytes of a data set that are looked at; what matters stands before the pixels."""


class Lint:
    """Looks over the outputs of one received image."""

    def __init__(self, received: Dataset) -> None:
        """Without edits laid over it, as what is looked over."""
        self._received = received
        self._before = frozenset(_own(received))
        self._known = known_of(received)

    def look_over(
        self, sent: Dataset, *, deidentified: bool = False, kept: frozenset[str] = frozenset()
    ) -> list[tuple[Finding, bool]]:
        """
        Each finding, and whether the received image had it already; new ones before old, errors first.

        ``deidentified``: the copy must not tell who the patient is.  ``kept``: see uid_findings.
        """
        found: list[tuple[Finding, bool]] = [(each, each in self._before) for each in _own(sent)]
        found += [(each, False) for each in self._compared(sent, deidentified, kept)]
        found.sort(key=lambda each: (each[1], each[0].severity is not Severity.ERROR))
        return found[:MOST]

    def _compared(self, sent: Dataset, deidentified: bool, kept: frozenset[str]) -> Iterator[Finding]:
        yield from uid_findings(self._received, sent, kept)
        replaced = replaced_uids(self._received, sent)
        if deidentified:
            yield from whole_findings(self._received, sent)
            yield from private_findings(elements_of(sent))
        if not (deidentified or replaced):
            return
        for element in elements_of(sent):
            yield from reference_findings(element, replaced)
            if deidentified:
                yield from identifier_findings(element, self._known)


def head_of(document: Document, recipe: Recipe | None) -> Dataset:
    """
    The data set of an output, open for reading: at most _HEAD bytes of it, without what stands behind them.

    ``document`` is the one that the recipe is over; its own edits do not count.
    """
    buffer, cut = document.head(recipe, _HEAD)
    encoding = document.dataset.encoding
    index: Index = {}
    with suppress(NotIndexable):
        # Cut in the middle of the pixels it makes no sense to the end; what came before is there.
        scan(buffer, 0, len(buffer), encoding, index=index)
    if cut and PIXEL_DATA in document.dataset and PIXEL_DATA not in index:
        end = len(buffer)
        index[PIXEL_DATA] = (b"OW", end, end, end, end)
    return Dataset(buffer, Journal(), encoding, index, 0, len(buffer))


def _own(dataset: Dataset) -> Iterator[Finding]:
    """What the data set tells by itself."""
    return chain(required_findings(dataset), *map(value_findings, elements_of(dataset)))
