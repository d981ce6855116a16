"""What people did to items, kept long enough to be taken back and to be looked up."""

from datetime import timedelta

from django.db import models


class OperatorAction(models.Model):
    """One press of a button, for one item or for thousands."""

    SILENT = timedelta(seconds=60)
    """Without a sign of life for so long one that has not ended no longer runs: the web process has ended."""

    at = models.DateTimeField(db_index=True)
    actor = models.CharField(max_length=150)
    action = models.CharField(max_length=24)
    scope = models.TextField(blank=True, help_text="what was asked for: the filter, or how many items were ticked")
    note = models.CharField(max_length=200, blank=True, help_text="reason that the person gave")
    moved = models.PositiveIntegerField(default=0)
    pending = models.PositiveIntegerField(default=0, help_text="follow when their worker is done")
    untouched = models.PositiveIntegerField(default=0)
    undo_until = models.DateTimeField(null=True, help_text="none while it still runs")
    wanted = models.PositiveIntegerField(default=0, help_text="items that it is for, where it goes on behind the page")
    beat_at = models.DateTimeField(null=True, help_text="last sign of life, where it goes on behind the page")
    stopped_at = models.DateTimeField(null=True, help_text="somebody wanted it to end before its time")
    undone_at = models.DateTimeField(null=True, blank=True)
    put_back = models.PositiveIntegerField(default=0, help_text="items that the undo gave back")

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.actor}: {self.action} {self.moved} items"


class OperatorStep(models.Model):
    """What one action did to one item, and the columns as they were before."""

    action = models.ForeignKey(OperatorAction, on_delete=models.CASCADE, related_name="steps")
    item_id = models.BigIntegerField(help_text="the item may have been removed since")
    to_state = models.CharField(max_length=10)
    moved_at = models.DateTimeField(help_text="updated_at of the item after the step")
    before = models.JSONField()
    recipe = models.BinaryField(null=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"item {self.item_id}: {self.before.get('state')} to {self.to_state}"
