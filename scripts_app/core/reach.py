"""Which images can reach an entry: by the AE title that was called, and by conditions that can hold together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scripts_app.core.conditions.errors import WrongCondition
from scripts_app.core.conditions.pattern import read_pattern
from scripts_app.core.conditions.tag import read_tag


def called_titles(ae_titles: Sequence[str], titles: Mapping[str, str]) -> list[str]:
    """
    The called AE titles that lead to an entry for these nodes; of ``titles`` each leads to the node behind it.

    An entry without AE titles is for all, which is not a list: empty.
    """
    wanted = {title.strip() for title in ae_titles}
    return [called for called, node in titles.items() if node in wanted]


def passes(ae_titles: Sequence[str], node: str) -> bool:
    """Whether an image for this node gets as far as the conditions."""
    return not ae_titles or node in {title.strip() for title in ae_titles}


def contradictions(conditions: Sequence[Mapping[str, Any]]) -> list[str]:
    """What no image can meet: one element that has to be equal to two texts, or has to match where it cannot."""
    equal: dict[tuple[str, str], str] = {}
    found = []
    for condition in conditions:
        if condition["search"] or condition["sequence_items"]:
            continue
        try:
            tag, pattern = str(read_tag(condition["tag"])), read_pattern(condition["match_expression"])
        except WrongCondition:
            continue
        if pattern.kind not in ("literal", "digits"):
            continue
        other = equal.setdefault((tag, condition["private_tag_creator"]), pattern.expression)
        if other != pattern.expression:
            found.append(f"{tag} cannot be {other} and {pattern.expression}: no image meets both")
    for condition in conditions:
        found += contradictions(condition["sequence_items"])
    return found
