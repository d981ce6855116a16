"""What is wrong right now, in plain words, worst first, each with the page where it can be put right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.urls import reverse
from django.utils.http import urlencode

from routing.core.counted import counted, thousands
from routing.core.states import STUCK_STATES, QueueState
from routing.database.version_counts import alarm
from routing.forms.queue_filter import WINDOW
from routing.models import NodeOutage, NodeStatus
from routing.people.sight import Sight
from routing.processes.start_report import StartReport
from routing.showing import service_problems
from routing.showing.causes import Cause, known_causes, told_causes
from routing.showing.destinations import Condition, Destination
from routing.showing.problem import SEVERITIES, Problem
from routing.showing.service import Disk

MOST_GROUPS = 10
"""Causes of stuck items that are told one by one; a dashboard longer than a screen is not read at night."""


def problems(found: Sequence[Destination], disk: Disk, start: StartReport, sight: Sight) -> list[Problem]:
    """Everything that a person should look at; empty when all is well."""
    told = [
        *service_problems.of_processes(),
        *service_problems.of_disk(disk),
        *service_problems.of_unreadable(start),
        *service_problems.of_clock(),
        *service_problems.of_audit_log(),
        *_nodes(found, sight),
        *_scripts(),
        *_stuck(sight),
        *_put_off(found, sight),
    ]
    told += [*_held_back(found), *service_problems.of_received(), *service_problems.of_astray()]
    return sorted(told, key=lambda problem: SEVERITIES.index(problem.severity))


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
                _page(destination),
                cause=status.last_echo_message,
                effect=images_wait(destination.waiting),
                parts=_waiting_parts(destination),
            )
        if destination.condition is not Condition.FAILING:
            continue
        yield Problem(
            "failure",
            destination.ae_title,
            "has taken no image" if status.last_success_at else "has never taken an image",
            _waiting_link(destination),
            since=outages.get(destination.ae_title, status.last_success_at),
            cause=sight.by_node(status.last_error),
            effect=images_wait(destination.waiting),
            parts=_waiting_parts(destination),
        )


def _scripts() -> Iterator[Problem]:
    if now := alarm():
        before = now.before
        told = "nothing to compare with"
        if before:
            told = f"{thousands(before.troubled)} of {thousands(before.images)} before"
        yield Problem(
            "failure",
            f"{thousands(now.rate.troubled)} of {counted(now.rate.images, 'image')}",
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
    stuck = [cause for cause in known_causes() if cause.state in STUCK_STATES]
    looked_at = {state: sum(cause.count for cause in stuck if cause.state == state) for state in QueueState}
    for cause in told_causes(stuck[:MOST_GROUPS], sight):
        images = counted(cause.count, "image")
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
            effect=f"{thousands(cause.by_people)} of them because operators said so" if cause.by_people else "",
        )
    if hidden := stuck[MOST_GROUPS:]:
        count = sum(cause.count for cause in hidden)
        yield Problem(
            "failure", f"{thousands(count)} more images", "failed, expired or were refused", reverse("failures")
        )


def _put_off(found: Sequence[Destination], sight: Sight) -> Iterator[Problem]:
    """What a node that answers does not take for now; a notice as long as it takes others."""
    answering = {each.ae_title: each for each in found if each.condition in (Condition.UP, Condition.REFUSING)}
    put_off = [cause for cause in known_causes() if cause.put_off and cause.destination in answering]
    for cause in told_causes(put_off[:MOST_GROUPS], sight):
        destination, one = answering[cause.destination], cause.put_off == 1
        refusing = destination.condition is Condition.REFUSING
        yield Problem(
            "failure" if refusing else "notice",
            cause.destination,
            f"has put off {counted(cause.put_off, 'image')}",
            cause.queue_link,
            since=max(filter(None, (cause.first, destination.status.last_success_at))) if refusing else None,
            cause=_words(cause),
            effect=f"{'it is' if one else 'they are'} tried again",
        )


def _words(cause: Cause) -> str:
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
                _waiting_link(destination),
                since=None,
                cause=destination.out_of_reach if destination.condition is Condition.CLOSED else "",
                effect=images_wait(destination.waiting),
                parts=_waiting_parts(destination),
            )


def _page(destination: Destination) -> str:
    return reverse("node", args=[destination.node.pk]) if destination.node else reverse("nodes")


def _waiting_link(destination: Destination) -> str:
    """The list of all that waits; where states share it, and no list shows both, the page that counts each."""
    states = destination.waiting_by_state
    return _in_state(destination, states[0][0]) if len(states) == 1 else _page(destination)


def _waiting_parts(destination: Destination) -> list[tuple[str, str]]:
    states = destination.waiting_by_state
    if len(states) == 1:
        return []
    return [(f"{thousands(count)} {state}", _in_state(destination, state)) for state, count in states]


def _in_state(destination: Destination, state: str) -> str:
    return queue_link(destination=destination.ae_title, state=state)


def images_wait(count: int) -> str:
    return counted(count, "image waits", "images wait") if count else ""


def queue_link(**filters: str) -> str:
    """The queue page with these filters."""
    return f"{reverse('queue')}?{urlencode(filters)}"
