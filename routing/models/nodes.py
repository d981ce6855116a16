"""Nodes: the remote application entities that images are sent to, and how each is doing."""

from datetime import timedelta

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from routing.core.ae_title import IllegalAETitle, checked
from routing.core.node_checks import too_large
from routing.core.retry import RetryPolicy


def legal_ae_title(value: str) -> None:
    """Form validator of an AE title."""
    try:
        checked(value)
    except IllegalAETitle as error:
        raise ValidationError(str(error)) from error


class Node(models.Model):
    """
    One entry of nodes.yml, with its own keys beside the product's.

    Blank numbers inherit the setting of the service; 0 is a value of its own.
    """

    class Role(models.TextChoices):
        STORAGE = "Storage"
        QUERY_RETRIEVE = "QueryRetrieve"
        WORKLIST = "Worklist"
        STORAGE_COMMIT_SCP = "StorageCommitSCP"
        STORAGE_COMMIT_SCU = "StorageCommitSCU"

    class Priority(models.IntegerChoices):
        """DIMSE priority (PS3.7 9.3.1.1); not the order of the queue."""

        MEDIUM = 0
        HIGH = 1
        LOW = 2

    ae_title = models.CharField("AE title", max_length=16, validators=[legal_ae_title])
    aliases = models.JSONField(default=list, blank=True, help_text="further called AE titles that mean this node")
    description = models.CharField(max_length=200, blank=True)
    host = models.CharField(max_length=255, default="127.0.0.1", help_text="host name or IP address")
    port = models.PositiveIntegerField(default=104, validators=[MinValueValidator(1), MaxValueValidator(65535)])
    role = models.CharField(max_length=20, choices=Role.choices, default=Role.STORAGE)
    enabled = models.BooleanField(default=True, help_text="a disabled node's AE title is refused")
    paused = models.BooleanField(default=False, help_text="images are accepted and wait")

    deidentified = models.BooleanField(
        "de-identified images only",
        default=False,
        help_text="dry runs and rehearsals name whatever still tells who the patient is",
    )
    impersonate = models.BooleanField(default=False, help_text="call with the original sender's AE title")
    transfer_syntax = models.CharField(
        max_length=64, blank=True, help_text="send in this transfer syntax; blank: as received"
    )
    batch_size = models.PositiveIntegerField(null=True, blank=True, help_text="images per association batch")
    minimum_line_speed = models.PositiveIntegerField(null=True, blank=True, help_text="KB/s; 0: no limit")
    stall_threshold = models.PositiveIntegerField(null=True, blank=True, help_text="seconds without a byte; 0: never")
    priority = models.PositiveSmallIntegerField(choices=Priority.choices, default=Priority.MEDIUM)
    sop_class_priorities = models.JSONField(
        default=list, blank=True, help_text='SOP class UIDs, most urgent first; "default" places the others'
    )
    process_delay = models.PositiveIntegerField(null=True, blank=True, help_text="milliseconds between ready and sent")
    process_schedule = models.JSONField(
        default=list, blank=True, help_text='times of day to send, such as "22:00 - 06:00"; empty: always'
    )
    process_networks = models.JSONField(
        default=list,
        blank=True,
        help_text="send only when this machine has an address in one of these networks",
    )
    max_associations = models.PositiveSmallIntegerField(
        default=2,
        validators=[MinValueValidator(1), MaxValueValidator(32)],
        help_text="at once, for each worker",
    )

    tls = models.BooleanField("TLS", default=False)
    tls_ca = models.CharField("TLS CA file", max_length=500, blank=True, help_text="PEM; blank: the system's")
    tls_certificate = models.CharField("TLS client certificate", max_length=500, blank=True, help_text="PEM file")
    tls_key = models.CharField("TLS client key", max_length=500, blank=True, help_text="PEM file")
    tls_check_host = models.BooleanField("TLS host name check", default=True)

    retry_initial = models.PositiveIntegerField(default=10, help_text="seconds until the first retry")
    retry_limit = models.PositiveIntegerField(default=600, help_text="seconds between retries at the most")
    retry_jitter = models.PositiveSmallIntegerField(
        default=20,
        validators=[MaxValueValidator(100)],
        help_text="percent by which a delay is moved at random",
    )
    retry_attempts = models.PositiveIntegerField(
        null=True, blank=True, help_text="give up after so many; blank: at the expiry age"
    )
    ignore_schedule_until = models.DateTimeField(
        null=True, blank=True, help_text="somebody wants images sent outside the schedule until then"
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["ae_title", "role"]
        constraints = [models.UniqueConstraint(fields=["ae_title", "role"], name="node_once_for_each_role")]

    def __str__(self) -> str:
        return self.ae_title

    def too_large(self) -> list[tuple[str, str]]:
        """Columns with numbers that nothing can be reckoned with, and what is wrong: it cannot be sent to."""
        numbers = [field.attname for field in self._meta.concrete_fields if isinstance(field, models.IntegerField)]
        return too_large({name: getattr(self, name) for name in numbers if name != "id"})

    @property
    def retry_policy(self) -> RetryPolicy:
        return RetryPolicy(
            initial=timedelta(seconds=self.retry_initial),
            limit=timedelta(seconds=self.retry_limit),
            jitter=self.retry_jitter / 100,
            attempts=self.retry_attempts,
        )


class NodeStatus(models.Model):
    """How a node is doing: kept by the workers, never edited by people."""

    node = models.OneToOneField(Node, on_delete=models.CASCADE, primary_key=True, related_name="status")
    failures_in_a_row = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField(null=True, help_text="back-off: no association before this moment")
    last_success_at = models.DateTimeField(null=True)
    last_failure_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)
    last_echo_at = models.DateTimeField(null=True)
    last_echo_ok = models.BooleanField(null=True)
    last_echo_ms = models.FloatField(null=True)
    last_echo_message = models.TextField(blank=True)
    accepted_contexts = models.JSONField(
        default=list, help_text="what it accepted when asked: SOP class UID and transfer syntax UIDs, each"
    )
    accepted_contexts_at = models.DateTimeField(null=True)
    delivered = models.PositiveBigIntegerField(default=0, help_text="images, since the node was created")
    failed = models.PositiveBigIntegerField(default=0)
    timed_out = models.PositiveBigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "node statuses"

    def __str__(self) -> str:
        return f"status of {self.node}"


class NodeOutage(models.Model):
    """A time in which a node took no images: from the first failure to the next answer; kept for charts."""

    node = models.ForeignKey(Node, null=True, on_delete=models.SET_NULL, related_name="outages")
    ae_title = models.CharField("AE title", max_length=16)
    began_at = models.DateTimeField(help_text="when the first association was begun that failed")
    ended_at = models.DateTimeField(null=True, blank=True, help_text="none while it lasts")
    error = models.TextField(blank=True, help_text="how it began")

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["began_at"], name="outage_began")]

    def __str__(self) -> str:
        return f"{self.ae_title} since {self.began_at:%Y-%m-%d %H:%M:%S}"
