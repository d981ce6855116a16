"""Callers that were turned away, and how one of them may send from now on."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Exists, OuterRef

from routing.audit.log import audit
from routing.models import KnownSender, UnknownSender

TurnedAway = tuple[UnknownSender, list[str]]
"""Who was turned away, and from where somebody of that AE title may send."""


def unknown_senders(most: int | None = None) -> list[TurnedAway]:
    """
    Those of known titles first: such a title is used by somebody else, or its sender has moved.

    Whoever tries many titles would push them off a short list.
    """
    known = KnownSender.objects.filter(enabled=True).exclude(network="")
    is_known = Exists(known.filter(ae_title=OuterRef("ae_title")))
    callers = list(UnknownSender.objects.order_by(is_known.desc(), "-last_seen_at")[:most])
    theirs: dict[str, list[str]] = {}
    for title, network in known.filter(ae_title__in={caller.ae_title for caller in callers}).values_list(
        "ae_title", "network"
    ):
        theirs.setdefault(title, []).append(network)
    return [(caller, theirs.get(caller.ae_title, [])) for caller in callers]


@transaction.atomic
def allow(ae_title: str, address: str, actor: str) -> None:
    """From the address that it called from; it leaves the list of those who tried."""
    KnownSender.objects.update_or_create(ae_title=ae_title, network=address, defaults={"enabled": True})
    # The same caller may stand there several times, once for each AE title it called.
    UnknownSender.objects.filter(ae_title=ae_title, address=address).delete()
    audit(actor, "allow sender", ae_title, network=address)
