"""Images in the hands of a process that ended, or does not move: nobody can know whether they were sent."""

from __future__ import annotations

from django.db import connection
from django.utils import timezone

from routing.database.rows import insert
from routing.models import ItemLogLine
from routing.queue.item_log import log_line

_TO_BE_SENT = (
    "SELECT id FROM routing_queueitem"
    # The second condition is that of the index of leased items.
    " WHERE lease_owner = %s AND NOT (lease_owner = '') AND state = 'Prepared' ORDER BY id"
)


def note_doubts(owner: str, why: str) -> int:
    """
    Say in the log of each item that ``owner`` holds to send it that it may arrive twice; returns how many.

    To be called before they are given back, and in the same transaction.  No
    attempt is made of it: most of a batch was not sent, and a node that answers
    that it has the instance already (0x0111) may mean another image.
    """
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(_TO_BE_SENT, [owner])
        held = [item for (item,) in cursor.fetchall()]
    text = f"{why}: the image may have been sent already, which nobody noted; sent again, it arrives twice"
    insert(ItemLogLine, [log_line(item, "warning", text, now) for item in held])
    return len(held)
