"""What is wrong with the service itself: its processes, its disk, its audit log, and what it could not take."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db.models import Count, Max, Min
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from routing.audit.store import are_waiting
from routing.core.ae_title import Meaning
from routing.core.counted import counted
from routing.core.identifiers import first_at
from routing.database.short_lived import ShortLived
from routing.folders import spool_folder
from routing.models import AuditRecord, QuarantinedInstance, QueueItem, ServiceProcess
from routing.operating.allowing import astray
from routing.processes.start_report import StartReport
from routing.showing.problem import Problem
from routing.showing.service import WORK, Disk, seen_lately
from routing.spool.mark import is_gone


def of_processes() -> Iterator[Problem]:
    for role, consequence in WORK.items():
        if not seen_lately(role):
            last = ServiceProcess.objects.filter(role=role).aggregate(seen=Max("seen_at"))["seen"]
            words = "has been running" if last else "is running"
            yield Problem(
                "critical", f"No {role} process", words, reverse("application_log"), since=last, effect=consequence
            )


def of_audit_log() -> Iterator[Problem]:
    if are_waiting():
        yield Problem(
            "critical",
            "The audit log",
            "cannot be written",
            reverse("application_log"),
            effect="its records wait in a file; images go on",
        )


def of_unreadable(found: StartReport) -> Iterator[Problem]:
    if count := found.unreadable:
        one = count == 1
        yield Problem(
            "critical",
            counted(count, "received file"),
            "cannot be adopted",
            f"{reverse('application_log')}?{urlencode({'q': 'cannot be adopted'})}",
            cause=", ".join(found.unreadable_files) + (" and more" if count > len(found.unreadable_files) else ""),
            effect=f"{'it is' if one else 'they are'} in no queue, and the log says why; put"
            f" {'a whole copy' if one else 'whole copies'} in place, rename what has the number of another image,"
            f" or remove {'it' if one else 'them'} from the spool",
        )


def of_clock() -> Iterator[Problem]:
    """What the clock would expire that has jumped ahead: nothing is done as long as somebody may set it right."""
    keepers = ServiceProcess.objects.filter(role="housekeep", detail__held__gt=0).order_by("-seen_at")
    for detail in keepers.values_list("detail", flat=True)[:1]:
        count, left = detail["held"], datetime.fromisoformat(detail["believed_at"]) - timezone.now()
        yield Problem(
            "failure",
            "The clock",
            f"is {_in_words(timedelta(seconds=detail['ahead_seconds']))} ahead of the time that has passed here",
            reverse("queue"),
            cause="it was set, or the service was off",
            effect=f"{counted(count, 'image')} would expire by it, which {'waits' if count == 1 else 'wait'} for"
            f" {_in_words(max(left, timedelta()))} more: set the clock right if it is wrong",
        )


def _in_words(span: timedelta) -> str:
    if span >= timedelta(days=2):
        return counted(span.days, "day")
    if span >= timedelta(hours=2):
        return counted(span // timedelta(hours=1), "hour")
    return counted(span // timedelta(minutes=1), "minute")


def of_disk(disk: Disk) -> Iterator[Problem]:
    if is_gone(spool_folder()):
        yield Problem(
            "critical",
            "The spool",
            "is gone: is its file system mounted?",
            reverse("application_log"),
            effect="new images are refused (0xA700), and those that wait are neither prepared nor sent",
        )
    if disk.low:
        yield Problem(
            "critical",
            "Disk space",
            f"is low: {disk.free_words} free, {disk.least_words} must stay free",
            reverse("dashboard"),
            effect="new images are refused (0xA700)",
        )


def _reception() -> tuple[dict[str, Any], dict[str, Any], list[AuditRecord]]:
    day_ago = timezone.now() - timedelta(days=1)
    newest = {"n": Count("id"), "newest": Max("id"), "since": Min("received_at")}
    refused = QuarantinedInstance.objects.order_by().filter(received_at__gte=day_ago).aggregate(**newest)
    collisions = (
        QueueItem.objects.order_by()
        .filter(collides_with__isnull=False, id__gte=first_at(day_ago))
        .aggregate(n=Count("id"), newest=Max("id"))
    )
    guessed = AuditRecord.objects.filter(at__gte=timezone.now() - timedelta(hours=1), action="AE titles guessed")
    return refused, collisions, list(guessed.order_by("-id")[:3])


reception = ShortLived(_reception)
"""What came in within a day and was refused or collides, and who has been guessing AE titles within an hour."""


_astray = ShortLived(partial(astray, timedelta(days=1)))
MOST_ASTRAY = 5
"""Senders astray that are told one by one."""


def of_astray() -> Iterator[Problem]:
    """Senders of ours that call what is no destination: the modality may have told nobody."""
    found = _astray()
    for caller, meaning in found[:MOST_ASTRAY]:
        means = "a disabled node" if meaning is Meaning.DISABLED else "no node"
        called = f"{reverse('nodes')}?{urlencode({'called': caller.called_ae_title})}"
        yield Problem(
            "notice",
            f"{caller.ae_title} at {caller.address}",
            f"was refused {counted(caller.count, 'time')}",
            called,
            since=caller.first_seen_at,
            cause=f"it calls {caller.called_ae_title}, which means {means}",
            effect="it still has its images",
        )
    if more := found[MOST_ASTRAY:]:
        yield Problem(
            "notice", counted(len(more), "more sender"), "called what means no node", reverse("application_log")
        )


def of_received() -> Iterator[Problem]:
    refused, collisions, guessed = reception()
    for record in guessed:
        yield Problem(
            "failure",
            "AE titles",
            f"are being guessed from {record.object}",
            reverse("senders"),
            since=record.at,
            effect="that address is put off",
        )
    if refused["n"]:
        count = refused["n"]
        yield Problem(
            "notice",
            f"{counted(count, 'instance was', 'instances were')} refused",
            "as not valid",
            reverse("quarantine"),
            since=refused["since"],
            effect="their senders still have them",
        )
    if collisions["n"]:
        count = collisions["n"]
        yield Problem(
            "notice",
            counted(count, "UID collision"),
            "within a day: the same SOP Instance UID, other bytes",
            reverse("queue_item", args=[collisions["newest"]]),
            effect="a destination may keep only one of each",
        )
