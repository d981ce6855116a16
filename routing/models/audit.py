"""The seals of the audit log: a chain of hashes that no record can be changed under without being noticed."""

from django.db import models


class AuditSeal(models.Model):
    """
    One link: the digests of some records, in the order of their numbers, and the hash of the link before.

    The records themselves are never written again, so that the database can
    refuse every UPDATE.
    """

    at = models.DateTimeField()
    first_record = models.BigIntegerField(null=True, help_text="none: this link only tells of a removal")
    last_record = models.BigIntegerField(help_text="every record up to this number is sealed")
    records = models.JSONField(default=list, help_text="numbers of the sealed records")
    digests = models.BinaryField(default=b"", help_text="SHA-256 of each, one after another")
    previous = models.CharField(
        max_length=64, unique=True, help_text="hash of the link before; a link has one successor"
    )
    hash = models.CharField(max_length=64, unique=True)
    removed_seal = models.BigIntegerField(null=True, help_text="links up to this one were removed by retention")
    removed_record = models.BigIntegerField(null=True, help_text="and records up to this number")
    removed_hash = models.CharField(max_length=64, blank=True, help_text="hash of the last link that was removed")

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"link {self.pk}: {len(self.records)} records"
