"""How the images fared under each activation of the scripts: kept apart, so that retention does not change the past."""

from django.db import models

from scripts_app.models import ScriptVersion


class VersionTally(models.Model):
    """The runs of one version's scripts since one activation of it; housekeeping adds, nobody else counts."""

    version = models.ForeignKey(ScriptVersion, on_delete=models.CASCADE, related_name="+", db_index=False)
    activation = models.PositiveBigIntegerField(default=0, help_text="0: it was never activated by that time")
    images = models.PositiveBigIntegerField(default=0, help_text="prepared, dropped or failed")
    troubled = models.PositiveBigIntegerField(default=0, help_text="of these, images for which an entry went wrong")
    failed = models.PositiveBigIntegerField(default=0, help_text="of these, images that failed")
    put_off = models.PositiveBigIntegerField(default=0, help_text="runs that asked for another try later")
    meant_by = models.CharField(max_length=150, blank=True, help_text="who said that the failures are meant")

    class Meta:
        verbose_name_plural = "version tallies"
        ordering = ["-activation", "-version"]
        constraints = [models.UniqueConstraint(fields=["version", "activation"], name="version_tally_once")]

    def __str__(self) -> str:
        return f"{self.troubled} of {self.images} images in trouble since activation {self.activation}"


class VersionMark(models.Model):
    """How far the reports have been counted; one row, moved in the transaction that counts."""

    report_id = models.BigIntegerField(default=0, help_text="last report that is counted")

    def __str__(self) -> str:
        return f"counted up to report {self.report_id}"
