"""Answers for Lua's queue, node, study and series, asked of the database at the moment of the call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Avg, Count, F, Q
from django.utils import timezone

from routing.core.destination import storage_node
from routing.dicom.association_failures import TIMED_OUT
from routing.engine.directory import Directory
from routing.engine.nodes.echoes import ask, keep_echo
from routing.engine.preparing.found_items import COLUMNS, FoundItems
from routing.engine.preparing.state_book import StateBook
from routing.models import Attempt, Node, NodeStatus, QueueItem

RECENT = timedelta(minutes=60)
_ECHO_KEPT = timedelta(seconds=60)
_ECHO_PATIENCE = 3
"""Seconds for the connection and for each answer; the scripts of an image have ten in all, unless set otherwise."""


class QueueDatabaseFacts:
    """
    The worker's answers (protocol ``scripts_app.core.ports.Facts``).

    ``settle`` is called before every question about the queue: it writes down
    what the worker has finished but not yet recorded, so that a script never
    counts an item in a state that it has already left.  ``without``: an item that is not counted.
    """

    def __init__(
        self,
        directory: Directory,
        states: StateBook,
        settle: Callable[[], None],
        without: int | None = None,
    ) -> None:
        self._directory, self._states, self._settle = directory, states, settle
        self._without = without

    def resolve(self, ae_title: str) -> str:
        return storage_node(self._directory.current().titles, ae_title)

    def total(self) -> int:
        return self.count()

    def count(self, *, state: str | None = None, study: str | None = None, destination: str | None = None) -> int:
        found: int = self._queued(state, study, destination).count()
        return found

    def find(self, *, state: str | None = None, study: str | None = None, destination: str | None = None) -> FoundItems:
        rows = self._queued(state, study, destination).order_by("id").values_list(*COLUMNS)
        # Not kept in the queryset, which would hold every row of a long queue at once.
        return FoundItems(rows.iterator())

    def study_destinations(self, study: str) -> Sequence[str]:
        return self._distinct(study, "destination_ae_title")

    def study_modalities(self, study: str) -> Sequence[str]:
        return self._distinct(study, "modality")

    def node_stats(self, ae_title: str) -> Mapping[str, Any]:
        """Capacitor's node:stats fields; UnknownDestination when there is no such node."""
        node = self._node(ae_title)
        status = NodeStatus.objects.filter(node=node).first() or NodeStatus(node=node)
        recent = _recent_attempts(node).aggregate(
            success=Count("id", filter=Q(answer__in=("delivered", "warning"))),
            failed=Count("id", filter=~Q(answer__in=("delivered", "warning"))),
            timed_out=Count("id", filter=Q(status=None, error__contains=TIMED_OUT)),
            average=Avg(F("ended_at") - F("started_at"), filter=Q(answer__in=("delivered", "warning"))),
        )
        average = recent["average"]
        facts: dict[str, Any] = {
            "success": status.delivered,
            "failed": status.failed,
            "timedOut": status.timed_out,
            "recentSuccess": recent["success"],
            "recentFailed": recent["failed"],
            "recentTimedOut": recent["timed_out"],
            "recentWindowMinutes": RECENT // timedelta(minutes=1),
            "avgTransferMs": round(average / timedelta(milliseconds=1), 3) if average else 0,
        }
        if status.last_success_at:
            facts["lastSuccessAt"] = status.last_success_at.isoformat()
        if status.last_failure_at:
            facts["lastFailure"] = {"at": status.last_failure_at.isoformat(), "error": status.last_error}
        if status.last_echo_at:
            facts["lastEcho"] = {
                "success": bool(status.last_echo_ok),
                "latencyMs": status.last_echo_ms or 0,
                "at": status.last_echo_at.isoformat(),
            }
        return facts

    def node_echo(self, ae_title: str) -> Mapping[str, Any]:
        """C-ECHO the node, or answer from the last 60 seconds (Lua API, node)."""
        node = self._node(ae_title)
        status = NodeStatus.objects.filter(node=node).first()
        if status is None or status.last_echo_at is None or timezone.now() - status.last_echo_at > _ECHO_KEPT:
            # A node that swallows packets must not use up the time limit of the script that asks.
            patience = min(settings.CAPACITOR.connect_timeout, _ECHO_PATIENCE)
            status = keep_echo(node, ask(node, patience))
        return {
            "success": bool(status.last_echo_ok),
            "latencyMs": status.last_echo_ms or 0,
            "message": status.last_echo_message,
        }

    def state(self, scope: str, uid: str) -> Mapping[str, Any]:
        # An image without the UID has a table of its own that ends with it, never one shared with strangers.
        return self._states.load(scope, uid) if uid else {}

    def _queued(self, state: str | None = None, study: str | None = None, destination: str | None = None) -> Any:
        self._settle()
        items = QueueItem.objects.queued().order_by()
        if self._without is not None:
            items = items.exclude(id=self._without)
        if state is not None:
            items = items.filter(state=state)
        if study is not None:
            items = items.filter(study_instance_uid=study)
        if destination is not None:
            known = self._directory.resolve(destination)
            items = items.filter(destination_ae_title=known.ae_title)
        return items

    def _distinct(self, study: str, column: str) -> list[str]:
        values = self._queued(study=study).exclude(**{column: ""}).values_list(column, flat=True).distinct()
        return sorted(values)

    def _node(self, ae_title: str) -> Node:
        return Node.objects.get(ae_title=self.resolve(ae_title), role=Node.Role.STORAGE)


def _recent_attempts(node: Node) -> models.QuerySet[Attempt]:
    """
    Those of the last hour; all that a node has had may be millions, so the others are not looked at.

    Attempts are numbered as they are recorded, which is not an hour after they ended.
    """
    since = timezone.now() - RECENT
    attempts = Attempt.objects.filter(node=node)
    before = attempts.filter(ended_at__lt=since - RECENT).order_by("-id").values_list("id", flat=True).first()
    return attempts.filter(id__gt=before or 0, started_at__gte=since)
