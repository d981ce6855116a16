"""Instances that were answered with a failure, because they are not what a Storage SCP may take."""

from django.db import models


class QuarantinedInstance(models.Model):
    """
    What somebody sent and the router did not take: who, what, and why.

    ``id`` names its file in the quarantine, and would name its item.  Nothing
    was acknowledged: the sender knows that its image is not here.
    """

    id = models.BigIntegerField(primary_key=True)
    received_at = models.DateTimeField(db_index=True)
    source_ae_title = models.CharField(max_length=16, help_text="who sent it (calling AE title)")
    called_ae_title = models.CharField(max_length=16)
    peer_address = models.CharField(max_length=45)
    association_id = models.CharField(max_length=40, blank=True)
    sop_class_uid = models.CharField(max_length=128, blank=True)
    sop_instance_uid = models.CharField(max_length=128, blank=True, help_text="as the command says")
    transfer_syntax_uid = models.CharField(max_length=64, blank=True)
    size = models.BigIntegerField(default=0, help_text="bytes of the file; 0: none was kept")
    status = models.PositiveIntegerField(help_text="DIMSE status that the sender got")
    reason = models.CharField(max_length=300)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"refused instance {self.id}"

    @property
    def kept(self) -> bool:
        """Its file is in the quarantine."""
        return self.size > 0
