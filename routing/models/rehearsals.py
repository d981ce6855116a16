"""Rehearsals: drafts that run over past images, or beside the active scripts over new ones; nothing of it counts."""

from django.db import models

from routing.core.study_splits import splits
from routing.models.queue import QueueItem
from scripts_app.core.comparison import Effect


class Rehearsal(models.Model):
    """One draft as it was when somebody wanted to know what it would do; a worker works it off."""

    class Kind(models.TextChoices):
        PAST = "past"
        """Over images of the queue, chosen beforehand."""
        SHADOW = "shadow"
        """Over images that come in, until somebody ends it."""

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        STOPPED = "stopped"

    OPEN = (State.WAITING, State.RUNNING)

    kind = models.CharField(max_length=6, choices=Kind.choices)
    state = models.CharField(max_length=7, choices=State.choices, default=State.WAITING)
    scope = models.CharField(max_length=200, help_text="which images, in words")
    content = models.JSONField(help_text="all entries and libraries as they would become")
    fingerprint = models.CharField(max_length=64, help_text="of the content")
    items = models.JSONField(default=list, help_text="ids of the images, in order; empty for a shadow")
    position = models.BigIntegerField(default=0, help_text="how many are tried; of a shadow the last id looked at")
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)
    owner = models.CharField(max_length=60, blank=True, help_text="worker that is at it")
    until = models.DateTimeField(null=True, help_text="when its turn ends unless renewed")
    counts = models.JSONField(default=dict, help_text="tried images by effect")
    studies = models.JSONField(default=dict, help_text="what the studies would become, by destination")
    passed_over = models.PositiveBigIntegerField(default=0, help_text="images that a shadow was too slow for")

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["id"], condition=models.Q(state__in=("waiting", "running")), name="rehearsal_unfinished"
            ),
        ]

    def __str__(self) -> str:
        return f"rehearsal {self.id}: {self.scope}"

    @property
    def open(self) -> bool:
        return self.state in self.OPEN

    @property
    def tried(self) -> int:
        return sum(self.counts.values())

    def splits(self) -> list[tuple[str, int]]:
        """Destinations where studies would fall apart, and how many."""
        return splits(self.studies)

    def figures(self) -> list[tuple[Effect, int]]:
        """How many images each effect concerns, those that concern none left out."""
        return [(effect, self.counts[effect]) for effect in Effect if self.counts.get(effect)]


class RehearsedImage(models.Model):
    """What a rehearsal came to for one image; identical ones are kept of small rehearsals only."""

    rehearsal = models.ForeignKey(Rehearsal, on_delete=models.CASCADE, related_name="images", db_index=False)
    item = models.ForeignKey(QueueItem, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    effect = models.CharField(max_length=9, choices=[(effect.value, effect.value) for effect in Effect])
    told = models.JSONField(help_text="what happened, both dry runs, and how they differ")

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["rehearsal", "effect", "id"], name="rehearsed_effect")]

    def __str__(self) -> str:
        return f"{self.effect}: item {self.item_id}"
