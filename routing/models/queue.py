"""The durable queue: one row for each instance and destination."""

from __future__ import annotations

from django.db import models

from routing.core.states import QueueState
from routing.models.nodes import Node
from routing.models.querysets import QueueItemQuerySet
from scripts_app.models import ScriptVersion


class QueueItem(models.Model):
    """
    One SOP instance on its way to one destination.

    ``id`` is made by routing.core.identifiers: it orders items by reception and
    names the received file.  A routed copy has its own id and shares the file
    of ``received_id``, and so does a replay.  ``state`` is changed by
    routing.queue.record and step_back alone.
    """

    id = models.BigIntegerField(primary_key=True)
    received_id = models.BigIntegerField(
        help_text="item whose received file this one is made from; its own for originals"
    )
    copied_from = models.BigIntegerField(null=True, blank=True, help_text="item whose scripts routed this copy")
    replay_of = models.BigIntegerField(null=True, blank=True, help_text="item whose image somebody replayed")
    state = models.CharField(max_length=10, choices=[(s.value, s.value) for s in QueueState])

    source_ae_title = models.CharField(max_length=16, help_text="who sent it (calling AE title)")
    called_ae_title = models.CharField(max_length=16)
    peer_address = models.CharField(max_length=45)
    association_id = models.CharField(max_length=40)
    destination_ae_title = models.CharField(max_length=16, help_text="node, or the router itself when unaddressed")
    node = models.ForeignKey(
        Node, null=True, blank=True, on_delete=models.SET_NULL, related_name="items", db_index=False
    )

    sop_class_uid = models.CharField(max_length=128)
    sop_instance_uid = models.CharField(max_length=128)
    study_instance_uid = models.CharField(max_length=128, blank=True)
    series_instance_uid = models.CharField(max_length=128, blank=True)
    modality = models.CharField(max_length=16, blank=True)
    patient_id = models.CharField(max_length=64, blank=True)
    patient_name = models.CharField(max_length=324, blank=True)
    accession_number = models.CharField(max_length=16, blank=True)

    transfer_syntax_uid = models.CharField(max_length=64)
    size = models.BigIntegerField(help_text="bytes of the received file")
    checksum = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="CRC-32 of the received file, computed while it came"
    )
    dataset_offset = models.IntegerField(help_text="where the data set starts in the received file")
    recipe = models.BinaryField(null=True, help_text="edit recipe over the received file; null: as it came")
    prepared_file = models.CharField(
        max_length=100, blank=True, help_text="file of its own, in the spool, where a recipe can't do"
    )
    script_version = models.ForeignKey(
        ScriptVersion, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )

    repeat_of = models.BigIntegerField(null=True, blank=True, help_text="earlier item: same SOP instance, same bytes")
    collides_with = models.BigIntegerField(
        null=True, blank=True, help_text="earlier item: same SOP Instance UID, other bytes"
    )

    lease_owner = models.CharField(max_length=60, blank=True, help_text="worker that holds the item")
    lease_until = models.DateTimeField(null=True, blank=True)
    pending_state = models.CharField(max_length=10, blank=True, help_text="what an operator wants once the lease ends")
    not_before = models.DateTimeField(help_text="nothing happens before this moment")
    prepare_starts = models.PositiveIntegerField(default=0, help_text="preparations begun since the last that ended")
    attempt_count = models.PositiveIntegerField(default=0, help_text="deliveries tried")
    last_error = models.TextField(blank=True)
    last_status = models.PositiveIntegerField(null=True, blank=True, help_text="DIMSE status of the last answer")
    warning = models.BooleanField(default=False, help_text="delivered with a warning status")

    created_at = models.DateTimeField(help_text="received, copied, or replayed")
    updated_at = models.DateTimeField(help_text="last change of state")
    prepared_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    purged_at = models.DateTimeField(null=True, blank=True, help_text="the files are gone")

    objects = QueueItemQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["not_before", "id"], condition=models.Q(state="New"), name="queue_due_new"),
            models.Index(
                fields=["node", "not_before", "id"],
                condition=models.Q(state="Prepared"),
                name="queue_due_prepared",
            ),
            models.Index(fields=["state", "id"], name="queue_state"),
            models.Index(fields=["destination_ae_title", "state", "id"], name="queue_destination_state"),
            models.Index(fields=["destination_ae_title", "id"], name="queue_destination"),
            models.Index(fields=["patient_id", "id"], name="queue_patient"),
            models.Index(fields=["accession_number", "id"], name="queue_accession"),
            models.Index(fields=["study_instance_uid", "id"], name="queue_study"),
            models.Index(fields=["received_id"], name="queue_received"),
            models.Index(fields=["sop_instance_uid"], name="queue_instance"),
            models.Index(fields=["id"], condition=models.Q(collides_with__isnull=False), name="queue_collision"),
            models.Index(fields=["lease_owner"], condition=~models.Q(lease_owner=""), name="queue_leased"),
            models.Index(fields=["id"], condition=~models.Q(pending_state=""), name="queue_wished"),
        ]
        permissions = [
            ("view_phi", "See patient data"),
            ("operate_queue", "Retry, fail, reject, delete, move and replay items"),
            ("operate_nodes", "Pause and echo nodes, allow senders"),
        ]

    def __str__(self) -> str:
        return f"item {self.id}"

    @property
    def is_copy(self) -> bool:
        """Made by route:Add; its function has run, so it meets no script again (D4)."""
        return self.received_id != self.id and self.replay_of is None

    @property
    def decided_in(self) -> int:
        """The item whose scripts decided about this one; a copy met none itself."""
        return (self.copied_from or self.received_id) if self.is_copy else self.id
