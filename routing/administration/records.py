"""Admin of what happened: history, attempts, logs, reports, audit, and what processes share."""

from __future__ import annotations

from django.contrib import admin

from routing.administration.pages import Kept, WithPatientData, one_of
from routing.audit.log import DONE, FAILED, REFUSED
from routing.core.states import QueueEvent, QueueState
from routing.dicom.status import Answer
from routing.models import (
    ApplicationLogLine,
    Attempt,
    AuditRecord,
    AuditSeal,
    HistoryEntry,
    ItemLogLine,
    Lane,
    NodeOutage,
    OperatorAction,
    OperatorStep,
    PrepareReport,
    QuarantinedInstance,
    Rehearsal,
    RehearsedImage,
    ScopedState,
    ServiceProcess,
    TrafficMark,
    TrafficMinute,
    VersionMark,
    VersionTally,
)
from scripts_app.core.outcome import Verdict


@admin.register(HistoryEntry)
class HistoryEntryAdmin(WithPatientData, Kept):
    list_display = ("id", "at", "item_id", "event", "from_state", "to_state", "actor", "note")
    list_filter = (one_of("event", QueueEvent), one_of("to_state", QueueState))
    search_fields = ("item__id__exact", "actor__exact")
    ordering = ("-id",)


@admin.register(Attempt)
class AttemptAdmin(WithPatientData, Kept):
    list_display = ("id", "started_at", "item_id", "node", "answer", "status", "comment", "error", "bytes_sent")
    list_filter = (one_of("answer", [answer.word for answer in Answer]), "node")
    list_select_related = ("node",)
    search_fields = ("item__id__exact",)
    ordering = ("-id",)


@admin.register(NodeOutage)
class NodeOutageAdmin(Kept):
    list_display = ("ae_title", "began_at", "ended_at", "error")
    search_fields = ("ae_title__exact",)
    ordering = ("-id",)


@admin.register(ItemLogLine)
class ItemLogLineAdmin(WithPatientData, Kept):
    list_display = ("id", "at", "item_id", "level", "source", "entry", "line", "text")
    list_filter = (one_of("source", ("script", "router")),)
    search_fields = ("item__id__exact", "text")
    ordering = ("-id",)


@admin.register(PrepareReport)
class PrepareReportAdmin(WithPatientData, Kept):
    list_display = ("id", "at", "item_id", "verdict", "message", "script_version", "milliseconds")
    list_filter = (one_of("verdict", Verdict),)
    list_select_related = ("script_version",)
    search_fields = ("item__id__exact",)
    ordering = ("-id",)


@admin.register(QuarantinedInstance)
class QuarantinedInstanceAdmin(Kept):
    list_display = ("id", "received_at", "source_ae_title", "peer_address", "called_ae_title", "reason", "size")
    search_fields = ("source_ae_title__exact", "peer_address__exact", "sop_instance_uid__exact")
    ordering = ("-id",)


@admin.register(AuditRecord)
class AuditRecordAdmin(WithPatientData, Kept):
    list_display = ("at", "actor", "address", "action", "outcome", "object")
    list_filter = (one_of("outcome", (DONE, REFUSED, FAILED)),)
    search_fields = ("actor__exact", "action__exact", "object")


@admin.register(AuditSeal)
class AuditSealAdmin(Kept):
    list_display = ("id", "at", "first_record", "last_record", "hash", "removed_seal", "removed_record")
    ordering = ("-id",)
    exclude = ("digests",)


@admin.register(ApplicationLogLine)
class ApplicationLogLineAdmin(WithPatientData, Kept):
    list_display = ("at", "level", "process", "logger", "message")
    list_filter = (one_of("level", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")),)
    search_fields = ("message",)


@admin.register(ScopedState)
class ScopedStateAdmin(WithPatientData, Kept):
    list_display = ("scope", "uid", "version", "used_at")
    list_filter = ("scope",)
    search_fields = ("uid__exact",)
    ordering = ("-used_at",)


@admin.register(Lane)
class LaneAdmin(Kept):
    list_display = ("key", "owner", "until")
    ordering = ("key",)


@admin.register(ServiceProcess)
class ServiceProcessAdmin(Kept):
    list_display = ("owner", "role", "host", "pid", "started_at", "seen_at")
    list_filter = ("role", "host")


@admin.register(TrafficMinute)
class TrafficMinuteAdmin(Kept):
    list_display = ("minute", "ae_title", "received", "delivered", "deferred", "refused", "failed")
    list_filter = ("ae_title",)


@admin.register(OperatorAction)
class OperatorActionAdmin(Kept):
    list_display = ("id", "at", "actor", "action", "moved", "pending", "untouched", "undone_at", "put_back")
    list_filter = ("action",)
    search_fields = ("actor__exact",)
    exclude = ("scope", "note")


@admin.register(OperatorStep)
class OperatorStepAdmin(Kept):
    list_display = ("id", "action_id", "item_id", "to_state", "moved_at")
    search_fields = ("item_id__exact",)
    # Errors among the old values may quote a patient's.
    exclude = ("before", "recipe")


@admin.register(TrafficMark)
class TrafficMarkAdmin(Kept):
    list_display = ("id", "history_id")


@admin.register(VersionTally)
class VersionTallyAdmin(Kept):
    list_display = ("activation", "version", "images", "troubled", "failed", "put_off", "meant_by")
    list_select_related = ("version",)


@admin.register(VersionMark)
class VersionMarkAdmin(Kept):
    list_display = ("id", "report_id")


@admin.register(Rehearsal)
class RehearsalAdmin(Kept):
    list_display = ("id", "created_at", "created_by", "kind", "scope", "state", "counts")
    list_filter = ("kind", "state")


@admin.register(RehearsedImage)
class RehearsedImageAdmin(WithPatientData, Kept):
    list_display = ("id", "at", "rehearsal_id", "item_id", "effect")
    search_fields = ("item__id__exact",)
