"""What processes share through the database: lanes, scoped state, and who is alive."""

from datetime import timedelta

from django.db import models


class Lane(models.Model):
    """
    A study that a worker prepares right now.

    Held for one batch, so that the images of one study are prepared one after
    another across all workers (D6).
    """

    CONFIRMED_TIME = "\\confirmed time"
    """A row of housekeeping's: how far time has been seen passing.  No study can have this UID."""

    key = models.CharField(max_length=128, primary_key=True)
    owner = models.CharField(max_length=60)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.key} held by {self.owner}"


class ScopedState(models.Model):
    """The values that Lua's ``study`` or ``series`` table keeps for one UID (D6)."""

    scope = models.CharField(max_length=6, choices=[("study", "study"), ("series", "series")])
    uid = models.CharField(max_length=128)
    values = models.JSONField(default=dict)
    version = models.PositiveBigIntegerField(default=1, help_text="counts writes; a write names the version it read")
    used_at = models.DateTimeField(db_index=True, help_text="forgotten 24 hours after this")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scope", "uid"], name="scoped_state_once")]

    def __str__(self) -> str:
        return f"{self.scope} {self.uid}"


class ServiceProcess(models.Model):
    """One running listener or worker, with its last sign of life."""

    ALIVE = timedelta(seconds=30)
    """One that has not been seen for longer counts as dead."""

    owner = models.CharField(max_length=60, primary_key=True, help_text="host:pid:random; also the owner of leases")
    role = models.CharField(max_length=12)
    host = models.CharField(max_length=64)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    detail = models.JSONField(default=dict)

    class Meta:
        ordering = ["role", "host", "pid"]
        verbose_name_plural = "service processes"

    def __str__(self) -> str:
        return f"{self.role} {self.owner}"
