"""What a dry run finds wrong with what would leave, as the JSON values that the manual lists."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from scripts_app.core.dataset.document import Document
from scripts_app.core.lint.finding import Finding
from scripts_app.core.lint.lint import Lint, head_of
from scripts_app.core.outcome import Outcome


def lint_of(outcome: Outcome, document: Document, deidentified: Collection[str]) -> list[list[dict[str, Any]]]:
    """The findings of each output; ``deidentified``: AE titles of nodes that take de-identified images only."""
    if not outcome.outputs:
        return []
    lint = Lint(head_of(document, None))
    kept = frozenset(_texts(dict(outcome.state)))
    return [
        [
            _told(finding, was_so)
            for finding, was_so in lint.look_over(
                head_of(document, output.recipe), deidentified=output.destination in deidentified, kept=kept
            )
        ]
        for output in outcome.outputs
    ]


def _told(finding: Finding, was_so: bool) -> dict[str, Any]:
    return {
        "severity": str(finding.severity),
        "rule": finding.rule,
        "tag": finding.path,
        "keyword": finding.keyword,
        "message": finding.message,
        "detail": finding.detail,
        "received": was_so,
    }


def _texts(value: Any) -> Iterator[str]:
    """Every text in the tables of study and series, as a JSON column keeps them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
