"""How much passed, minute by minute: kept apart from the queue, so that removing items does not change the past."""

from django.db import models


class TrafficMinute(models.Model):
    """What happened to the images of one destination in one minute; housekeeping adds, nobody else writes."""

    minute = models.PositiveIntegerField(help_text="minutes since 1970-01-01 00:00 UTC")
    ae_title = models.CharField("AE title", max_length=16, help_text="destination; the router's own when unaddressed")
    received = models.PositiveIntegerField(default=0)
    delivered = models.PositiveIntegerField(default=0)
    deferred = models.PositiveIntegerField(default=0, help_text="deliveries put off")
    refused = models.PositiveIntegerField(default=0, help_text="rejected by the destination")
    failed = models.PositiveIntegerField(default=0)
    bytes_received = models.PositiveBigIntegerField(default=0)
    bytes_delivered = models.PositiveBigIntegerField(default=0, help_text="size of the received files")

    class Meta:
        ordering = ["-minute", "ae_title"]
        constraints = [models.UniqueConstraint(fields=["minute", "ae_title"], name="traffic_once_a_minute")]

    def __str__(self) -> str:
        return f"{self.ae_title} in minute {self.minute}"


class TrafficMark(models.Model):
    """How far the history has been counted; one row, moved in the transaction that counts."""

    history_id = models.BigIntegerField(default=0, help_text="last entry that is counted")

    def __str__(self) -> str:
        return f"counted up to {self.history_id}"
