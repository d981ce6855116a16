"""
What happened: history, attempts, logs, reports of the scripts, audit.

Rows are added, never changed, but for equal deferrals of an image: ``routing.engine.housekeeping.folding``.
"""

from django.db import models

from routing.models.queue import QueueItem
from scripts_app.models import ScriptVersion


class HistoryEntry(models.Model):
    """One move of one item, written in the transaction that moved it."""

    RECOVERY = "recovery"
    """Actor of what was put right for a process that had ended; of a delivery no attempt is listed then."""

    item = models.ForeignKey(QueueItem, on_delete=models.CASCADE, related_name="history")
    at = models.DateTimeField()
    event = models.CharField(max_length=24)
    from_state = models.CharField(max_length=10, blank=True)
    to_state = models.CharField(max_length=10)
    actor = models.CharField(max_length=150, help_text="user name, or the process")
    note = models.TextField(blank=True)

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "history entries"

    def __str__(self) -> str:
        return f"{self.event}: {self.from_state or '-'} to {self.to_state}"


class Attempt(models.Model):
    """One try to deliver one item."""

    item = models.ForeignKey(QueueItem, on_delete=models.CASCADE, related_name="attempts")
    node = models.ForeignKey("routing.Node", null=True, on_delete=models.SET_NULL, related_name="+")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    answer = models.CharField(max_length=10, help_text="delivered, warning, deferred or refused")
    status = models.PositiveIntegerField(null=True, help_text="DIMSE status; none when no answer came")
    comment = models.CharField(max_length=64, blank=True, help_text="Error Comment of the answer")
    error = models.TextField(blank=True)
    bytes_sent = models.BigIntegerField(default=0)
    transfer_syntax_uid = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.answer} at {self.started_at:%Y-%m-%d %H:%M:%S}"


class ItemLogLine(models.Model):
    """One line of an item's log: what print() wrote, and what the router noted."""

    item = models.ForeignKey(QueueItem, on_delete=models.CASCADE, related_name="log_lines")
    at = models.DateTimeField()
    level = models.CharField(max_length=8)
    source = models.CharField(max_length=16, help_text="script or router")
    entry = models.PositiveIntegerField(null=True)
    line = models.PositiveIntegerField(null=True)
    text = models.TextField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.text[:80]


class PrepareReport(models.Model):
    """One run of the scripts over one received image: why it went where it went."""

    item = models.ForeignKey(QueueItem, on_delete=models.CASCADE, related_name="reports")
    at = models.DateTimeField()
    script_version = models.ForeignKey(ScriptVersion, null=True, on_delete=models.SET_NULL, related_name="+")
    verdict = models.CharField(max_length=10)
    message = models.TextField(blank=True)
    entries = models.JSONField(default=list, help_text="each entry: ran, skipped and why, or error with file and line")
    routes = models.JSONField(default=list)
    outputs = models.JSONField(default=list, help_text="each output: destination, original or not, changes")
    milliseconds = models.FloatField(default=0)
    errors = models.PositiveSmallIntegerField(
        default=0, help_text="entries that went wrong; one at least when the image failed"
    )

    class Meta:
        ordering = ["id"]
        indexes = [
            # The few runs that went wrong among all of a version's.
            models.Index(fields=["script_version", "id"], condition=models.Q(errors__gt=0), name="report_errors"),
        ]

    def __str__(self) -> str:
        return f"{self.verdict}: {self.message}" if self.message else self.verdict


class AuditRecord(models.Model):
    """Who did what: people's actions, and the scripts' edits and routing decisions."""

    at = models.DateTimeField(db_index=True)
    actor = models.CharField(max_length=150)
    address = models.CharField(max_length=45, blank=True, db_default="", help_text="where the person's browser is")
    action = models.CharField(max_length=40)
    outcome = models.CharField(max_length=8, db_default="done", help_text="done, refused or failed")
    object = models.CharField(max_length=200)
    node = models.ForeignKey(
        "routing.Node",
        null=True,
        # A record is never changed, also when its node goes; numbers of nodes are not given twice.
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
        help_text="the node that it was done to",
    )
    detail = models.JSONField(default=dict)

    class Meta:
        ordering = ["-id"]
        indexes = [
            # A node's few records among millions of items'.
            models.Index(fields=["node", "id"], condition=models.Q(node__isnull=False), name="audit_node"),
        ]

    def __str__(self) -> str:
        return f"{self.actor}: {self.action} {self.object}"


class ApplicationLogLine(models.Model):
    """One line of the application log: service events and Lua's log."""

    at = models.DateTimeField(db_index=True)
    level = models.CharField(max_length=8)
    process = models.CharField(max_length=60)
    logger = models.CharField(max_length=60)
    message = models.TextField()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.message[:80]
