"""Who may send (decision D18), and who tried without being known."""

import ipaddress

from django.core.exceptions import ValidationError
from django.db import models

from routing.models.nodes import legal_ae_title


def legal_network(value: str) -> None:
    """Form validator: one address or a network in CIDR form."""
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError as error:
        raise ValidationError(f"{value!r} is neither an address nor a network such as 192.168.1.0/24") from error
    if "%" in value:
        # A connection names its peer without the interface, so it would promise what is not kept.
        raise ValidationError(f"{value!r} names an interface, at which is not looked: leave out what begins with %")


class KnownSender(models.Model):
    """A calling AE title that may send, from anywhere or from one network only."""

    ae_title = models.CharField("AE title", max_length=16, validators=[legal_ae_title])
    network = models.CharField(
        max_length=50,
        blank=True,
        validators=[legal_network],
        help_text="address or network; blank: from anywhere",
    )
    description = models.CharField(max_length=200, blank=True)
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ["ae_title", "network"]
        constraints = [models.UniqueConstraint(fields=["ae_title", "network"], name="sender_once_for_each_network")]

    def __str__(self) -> str:
        return f"{self.ae_title} from {self.network or 'anywhere'}"


class UnknownSender(models.Model):
    """Somebody who was refused: nobody has allowed them yet, or what they called means no node."""

    ae_title = models.CharField("AE title", max_length=16)
    address = models.GenericIPAddressField()
    called_ae_title = models.CharField("called AE title", max_length=16)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    count = models.PositiveBigIntegerField(default=1)

    class Meta:
        ordering = ["-last_seen_at"]
        constraints = [
            models.UniqueConstraint(fields=["ae_title", "address", "called_ae_title"], name="unknown_sender_once")
        ]

    def __str__(self) -> str:
        return f"{self.ae_title} at {self.address}"
