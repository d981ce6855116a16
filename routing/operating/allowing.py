"""Callers that were turned away, and how one of them may send from now on."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from routing.audit.log import audit
from routing.core.ae_title import Meaning
from routing.engine.directory import Senders, may_send, read_senders
from routing.models import KnownSender, UnknownSender
from routing.nodes.titles import title_book

TurnedAway = tuple[UnknownSender, list[str]]
"""Who was turned away, and from where somebody of that AE title may send."""


def unknown_senders(most: int | None = None) -> list[TurnedAway]:
    """
    Those of known titles first: such a title is used by somebody else, or its sender has moved.

    Whoever tries many titles would push them off a short list.  Who may send by now needs nobody's leave.
    """
    known = KnownSender.objects.filter(enabled=True).exclude(network="")
    is_known = Exists(known.filter(ae_title=OuterRef("ae_title")))
    everybody, senders = UnknownSender.objects.order_by(is_known.desc(), "-last_seen_at"), read_senders()
    callers = [caller for caller in everybody if not _may_send(caller, senders)][:most]
    theirs: dict[str, list[str]] = {}
    for title, network in known.filter(ae_title__in={caller.ae_title for caller in callers}).values_list(
        "ae_title", "network"
    ):
        theirs.setdefault(title, []).append(network)
    return [(caller, theirs.get(caller.ae_title, [])) for caller in callers]


def astray(within: timedelta) -> list[tuple[UnknownSender, Meaning]]:
    """Senders that may send and called what still leads to no node or a disabled one, the latest first."""
    lately, senders = UnknownSender.objects.filter(last_seen_at__gte=timezone.now() - within), read_senders()
    ours = [caller for caller in lately.order_by("-last_seen_at") if _may_send(caller, senders)]
    if not ours:
        # The dashboard asks, and there may be thousands of nodes.
        return []
    book = title_book()
    meant = [(caller, book.resolve(caller.called_ae_title).meaning) for caller in ours]
    return [(caller, meaning) for caller, meaning in meant if meaning in (Meaning.UNKNOWN, Meaning.DISABLED)]


def _may_send(caller: UnknownSender, senders: Senders) -> bool:
    return settings.CAPACITOR.accept_unknown_senders or may_send(senders, caller.ae_title, str(caller.address))


@transaction.atomic
def allow(ae_title: str, address: str, actor: str) -> None:
    """From the address that it called from; it leaves the list of those who tried."""
    KnownSender.objects.update_or_create(ae_title=ae_title, network=address, defaults={"enabled": True})
    # The same caller may stand there several times, once for each AE title it called.
    UnknownSender.objects.filter(ae_title=ae_title, address=address).delete()
    audit(actor, "allow sender", ae_title, network=address)
