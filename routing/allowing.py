"""Let a caller that was turned away send from now on."""

from __future__ import annotations

from django.db import transaction

from routing.audit import audit
from routing.models import KnownSender, UnknownSender


@transaction.atomic
def allow(ae_title: str, address: str, actor: str) -> None:
    """From the address that it called from; it leaves the list of those who tried."""
    KnownSender.objects.update_or_create(ae_title=ae_title, network=address, defaults={"enabled": True})
    # The same caller may stand there several times, once for each AE title it called.
    UnknownSender.objects.filter(ae_title=ae_title, address=address).delete()
    audit(actor, "allow sender", ae_title, network=address)
