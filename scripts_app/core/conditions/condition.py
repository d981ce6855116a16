"""One condition of an entry, as the configuration states it (Conditions page)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Condition:
    """
    ``tag`` and ``match_expression`` are as the author wrote them; reading them
    (and refusing bad ones) is the matcher's work.
    """

    tag: str
    match_expression: str = ""
    search: bool = False
    """Look in all sequences, too; then ``sequence_items`` must be empty."""
    sequence_items: tuple[Condition, ...] = ()
    """Must all match inside one and the same item of the sequence named by ``tag``."""
    private_tag_creator: str = ""
