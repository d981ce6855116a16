"""Would a node take an image?  Told from what it accepted when it was asked, and from nothing else."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from routing.core.syntax_choice import NoSyntax, choose, name, proposals


@dataclass(frozen=True, slots=True)
class Acceptance:
    taken: bool | None
    """None: not known."""
    transfer_syntax: str
    """Name of the one it would be sent in; of its own one when that is not known."""
    why: str
    """A sentence for people."""


@dataclass(frozen=True, slots=True)
class Negotiated:
    """What a node answered to the proposals of the node page."""

    accepted: Mapping[str, Collection[str]]
    """Transfer syntaxes by SOP class."""
    proposed_classes: Collection[str]
    proposed_syntaxes: Collection[str]


def acceptance(sop_class_uid: str, own: str, demanded: str, negotiated: Negotiated | None) -> Acceptance:
    """
    ``own`` is the transfer syntax of the image, ``demanded`` the one that the node is set to; empty: as received.

    ``negotiated`` is None when the node was never asked.
    """
    unknown = Acceptance(None, name(demanded or own), "")
    if negotiated is None:
        return _because(unknown, "the node was never asked what it accepts")
    if sop_class_uid not in negotiated.proposed_classes:
        return _because(unknown, f"{name(sop_class_uid)} was not among what the node was asked")
    taken = negotiated.accepted.get(sop_class_uid, ())
    try:
        syntax = choose(sop_class_uid, own, demanded, taken.__contains__, lambda: True)
    except NoSyntax as error:
        needed = (demanded,) if demanded else proposals(own)
        if any(each not in negotiated.proposed_syntaxes for each in needed):
            return _because(unknown, f"{name(demanded or own)} was not among what the node was asked")
        return Acceptance(False, unknown.transfer_syntax, str(error))
    if syntax != (demanded or own) and own not in negotiated.proposed_syntaxes:
        return _because(unknown, f"{name(own)} was not among what the node was asked; else {name(syntax)} is taken")
    how = "as it is" if syntax == own else "transcoded without loss"
    return Acceptance(True, name(syntax), f"accepted when the node was asked, {how}")


def _because(unknown: Acceptance, why: str) -> Acceptance:
    return Acceptance(None, unknown.transfer_syntax, why)
