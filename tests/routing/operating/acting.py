"""Items, and what a person does to them, for the tests of actions and of their undo."""

from datetime import timedelta

from django.utils import timezone

from routing.models import QueueItem
from routing.operating.operator_actions import perform
from tests.builders import node, queue_item


def columns(*items):
    """Every column of these items as it stands in the database."""
    return {row["id"]: row for row in QueueItem.objects.filter(pk__in=[item.pk for item in items]).values()}


def do(action, *items, **more):
    return perform(action, [item.pk for item in items], actor="olga", scope="state=Failed", **more)


def stories():
    """Items in every state, with something in every column that an action may change."""
    now = timezone.now()
    pacs = node("PACS")
    given = {
        "node": pacs,
        "prepared_at": now - timedelta(minutes=3),
        "attempt_count": 4,
        "last_error": "no connection",
        "last_status": 0xA700,
        "recipe": b"recipe",
        "prepared_file": "1.dcm",
        "updated_at": now - timedelta(minutes=2, microseconds=7),
        "not_before": now + timedelta(minutes=1, microseconds=3),
    }
    states = ("Prepared", "Failed", "Rejected", "Expired", "Delivered", "Dropped")
    return [queue_item("New", node=pacs), *(queue_item(state, **given) for state in states)]
