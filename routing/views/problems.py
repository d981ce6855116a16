"""What is wrong right now, in plain words, worst first, each with the page where it can be put right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from routing.audit.store import are_waiting
from routing.core.identifiers import first_at
from routing.core.states import STUCK_STATES, QueueState
from routing.database.short_lived import ShortLived
from routing.database.version_counts import alarm
from routing.folders import spool_folder
from routing.forms.queue_filter import WINDOW
from routing.models import AuditRecord, NodeOutage, NodeStatus, QuarantinedInstance, QueueItem, ServiceProcess
from routing.people.sight import Sight
from routing.processes.start_report import StartReport
from routing.spool.mark import is_gone
from routing.views import failures
from routing.views.destinations import Condition, Destination
from routing.views.service import WORK, Disk, seen_lately

MOST_GROUPS = 10
"""Causes of stuck items that are told one by one; a dashboard longer than a screen is not read at night."""

SEVERITIES = ("critical", "failure", "notice")


@dataclass(frozen=True, slots=True)
class Problem:
    """One sentence: ``subject`` ``words`` (since ``since``): ``cause``; ``effect``."""

    severity: str
    """critical: images are in danger or nothing moves; failure: images are stuck; notice: meant, but worth knowing."""
    subject: str
    words: str
    link: str
    since: datetime | None = None
    cause: str = ""
    effect: str = ""


def problems(found: Sequence[Destination], disk: Disk, start: StartReport, sight: Sight) -> list[Problem]:
    """Everything that a person should look at; empty when all is well."""
    told = [
        *_processes(),
        *_disk(disk),
        *_unreadable(start),
        *_audit_log(),
        *_nodes(found, sight),
        *_scripts(),
        *_stuck(sight),
        *_put_off(found, sight),
    ]
    told += [*_held_back(found), *_received()]
    return sorted(told, key=lambda problem: SEVERITIES.index(problem.severity))


def _processes() -> Iterator[Problem]:
    for role, consequence in WORK.items():
        if not seen_lately(role):
            last = ServiceProcess.objects.filter(role=role).aggregate(seen=Max("seen_at"))["seen"]
            words = "has been running" if last else "is running"
            yield Problem(
                "critical", f"No {role} process", words, reverse("application_log"), since=last, effect=consequence
            )


def _audit_log() -> Iterator[Problem]:
    if are_waiting():
        yield Problem(
            "critical",
            "The audit log",
            "cannot be written",
            reverse("application_log"),
            effect="its records wait in a file; images go on",
        )


def _unreadable(found: StartReport) -> Iterator[Problem]:
    if count := found.unreadable:
        one = count == 1
        yield Problem(
            "critical",
            f"{count} received {'file' if one else 'files'}",
            "cannot be adopted",
            f"{reverse('application_log')}?{urlencode({'q': 'cannot be adopted'})}",
            cause=", ".join(found.unreadable_files) + (" and more" if count > len(found.unreadable_files) else ""),
            effect=f"{'it is' if one else 'they are'} in no queue, and the log says why; put"
            f" {'a whole copy' if one else 'whole copies'} in place, rename what has the number of another image,"
            f" or remove {'it' if one else 'them'} from the spool",
        )


def _disk(disk: Disk) -> Iterator[Problem]:
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


def _received() -> Iterator[Problem]:
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
            f"{count} {'instance was' if count == 1 else 'instances were'} refused",
            "as not valid",
            reverse("quarantine"),
            since=refused["since"],
            effect="their senders still have them",
        )
    if collisions["n"]:
        count = collisions["n"]
        yield Problem(
            "notice",
            f"{count} UID {'collision' if count == 1 else 'collisions'}",
            "within a day: the same SOP Instance UID, other bytes",
            reverse("queue_item", args=[collisions["newest"]]),
            effect="a destination may keep only one of each",
        )


def _nodes(found: Sequence[Destination], sight: Sight) -> Iterator[Problem]:
    outages = dict(NodeOutage.objects.filter(ended_at=None, node__isnull=False).values_list("ae_title", "began_at"))
    for destination in found:
        status = destination.status
        asked = destination.condition in (Condition.UP, Condition.REFUSING, Condition.UNTRIED, Condition.SCHEDULED)
        if asked and status.last_echo_ok is False and not _taken_since(status):
            # A notice, for some nodes take images and know no C-ECHO.
            yield Problem(
                "notice",
                destination.ae_title,
                "does not answer C-ECHO",
                reverse("node", args=[destination.node.pk]) if destination.node else reverse("nodes"),
                cause=status.last_echo_message,
                effect=images_wait(destination.waiting),
            )
        if destination.condition is not Condition.FAILING:
            continue
        yield Problem(
            "failure",
            destination.ae_title,
            "has taken no image" if status.last_success_at else "has never taken an image",
            queue_link(destination=destination.ae_title, state=destination.waiting_state),
            since=outages.get(destination.ae_title, status.last_success_at),
            cause=sight.by_node(status.last_error),
            effect=images_wait(destination.waiting),
        )


def _scripts() -> Iterator[Problem]:
    if now := alarm():
        before = now.before
        told = f"{before.troubled} of {before.images} before" if before else "nothing to compare with"
        yield Problem(
            "failure",
            f"{now.rate.troubled} of {now.rate.images} {'image' if now.rate.images == 1 else 'images'}",
            "failed in scripts" if now.rate.failed == now.rate.troubled else "met errors in scripts",
            reverse("script_version", args=[now.activation.pk]),
            since=now.activation.at,
            effect=f"{told}; activation {now.activation.pk}"
            + (f" by {now.activation.actor}" if now.activation.actor else ""),
        )


def _taken_since(status: NodeStatus) -> bool:
    """Whether the node took an image after it was called last: that says more than an echo."""
    return bool(status.last_success_at and status.last_echo_at and status.last_success_at > status.last_echo_at)


def _stuck(sight: Sight) -> Iterator[Problem]:
    """One sentence for each cause, the most frequent first; the same ones as on the page of failures."""
    stuck = [cause for cause in failures.known_causes() if cause.state in STUCK_STATES]
    looked_at = {state: sum(cause.count for cause in stuck if cause.state == state) for state in QueueState}
    for cause in failures.told(stuck[:MOST_GROUPS], sight):
        images = f"{cause.count} {'image' if cause.count == 1 else 'images'}"
        if looked_at[QueueState(cause.state)] >= WINDOW:
            images = f"at least {images}"
        refused, expired = cause.state == QueueState.REJECTED, cause.state == QueueState.EXPIRED
        if cause.by_people == cause.count:
            # No destination had a part in it.
            words = f"{'was' if cause.count == 1 else 'were'} {'rejected' if refused else 'failed'} by operators"
            before = f"before: {cause.text}" if cause.text else ""
            yield Problem("failure", f"{images} for {cause.destination}", words, cause.queue_link, cause.first, before)
            continue
        yield Problem(
            "failure",
            cause.destination if refused else f"{images} for {cause.destination}",
            f"has refused {images}" if refused else "expired" if expired else "failed",
            cause.queue_link,
            since=cause.first,
            cause=_words(cause),
            effect=f"{cause.by_people} of them because operators said so" if cause.by_people else "",
        )
    if hidden := stuck[MOST_GROUPS:]:
        count = sum(cause.count for cause in hidden)
        yield Problem("failure", f"{count} more images", "failed, expired or were refused", reverse("failures"))


def _put_off(found: Sequence[Destination], sight: Sight) -> Iterator[Problem]:
    """What a node that answers does not take for now; a notice as long as it takes others."""
    answering = {each.ae_title: each for each in found if each.condition in (Condition.UP, Condition.REFUSING)}
    put_off = [cause for cause in failures.known_causes() if cause.put_off and cause.destination in answering]
    for cause in failures.told(put_off[:MOST_GROUPS], sight):
        destination, one = answering[cause.destination], cause.put_off == 1
        refusing = destination.condition is Condition.REFUSING
        yield Problem(
            "failure" if refusing else "notice",
            cause.destination,
            f"has put off {cause.put_off} {'image' if one else 'images'}",
            cause.queue_link,
            since=max(filter(None, (cause.first, destination.status.last_success_at))) if refusing else None,
            cause=_words(cause),
            effect=f"{'it is' if one else 'they are'} tried again",
        )


def _words(cause: failures.Cause) -> str:
    """The reason, without the destination that stands before it already."""
    text = cause.text
    for head in (f"{cause.destination}: ", f"{cause.destination} answered "):
        text = text.removeprefix(head)
    return text


def _held_back(found: Sequence[Destination]) -> Iterator[Problem]:
    for destination in found:
        held = (Condition.PAUSED, Condition.DISABLED, Condition.CLOSED)
        if destination.condition in held and destination.waiting:
            yield Problem(
                "notice",
                destination.ae_title,
                f"is {destination.condition}",
                queue_link(destination=destination.ae_title, state=destination.waiting_state),
                since=None,
                cause=destination.out_of_reach if destination.condition is Condition.CLOSED else "",
                effect=images_wait(destination.waiting),
            )


def images_wait(count: int) -> str:
    match count:
        case 0:
            return ""
        case 1:
            return "1 image waits"
    return f"{count} images wait"


def queue_link(**filters: str) -> str:
    """The queue page with these filters."""
    return f"{reverse('queue')}?{urlencode(filters)}"
