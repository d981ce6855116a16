"""AE titles that two nodes lay claim to: one of them gets nothing under that title."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from routing.core.ae_title import KnownTitle, TitleBook


@dataclass(frozen=True, slots=True)
class Claim:
    """Why a called AE title should lead to a node."""

    ae_title: str
    """The node's own; the router's for its own title."""
    how: str
    """In words."""


@dataclass(frozen=True, slots=True)
class Conflict:
    title: str
    claims: tuple[Claim, ...]
    leads_to: str
    """What is called in fact (decision D1)."""

    def __str__(self) -> str:
        claims = " and ".join(claim.how for claim in self.claims)
        return f"{self.title} is {claims}; it leads to {self.leads_to}"


def claims_of(node: KnownTitle, prefix: str) -> Iterator[tuple[str, Claim]]:
    """Every called AE title that is meant to lead to this node."""
    yield node.ae_title, Claim(node.ae_title, "the AE title of a node")
    if prefix:
        yield prefix + node.ae_title, Claim(node.ae_title, f"{prefix} before {node.ae_title}")
    for alias in node.aliases:
        yield alias.strip(" "), Claim(node.ae_title, f"an alias of {node.ae_title}")


def conflicts(nodes: Iterable[KnownTitle], own_ae_title: str, prefix: str) -> list[Conflict]:
    """Titles that are claimed for different nodes, or for a node and the router itself, by title."""
    nodes = list(nodes)
    book = TitleBook(nodes, own_ae_title, prefix)
    claimed: dict[str, list[Claim]] = {own_ae_title: [Claim(own_ae_title, "the router's own AE title")]}
    for node in nodes:
        for title, claim in claims_of(node, prefix):
            claimed.setdefault(title, []).append(claim)
    return [
        Conflict(title, tuple(claims), book.resolve(title).ae_title)
        for title, claims in sorted(claimed.items())
        if len({claim.ae_title for claim in claims}) > 1
    ]
