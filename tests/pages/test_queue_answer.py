"""The answer to an action on many items: what was done, and why not to the others."""

import pytest
from django.utils import timezone

from routing.models import QueueItem
from tests.builders import node, queue_item
from tests.pages.people import HTMX, visitor, words

pytestmark = pytest.mark.django_db


def act(action, *items):
    form = {"action": action, "scope": "ticked", "ids": [item.pk for item in items]}
    return visitor("operator").post("/queue/act/", form, headers=HTMX)


def test_the_answer_says_why_some_could_not_be():
    kept, gone = (queue_item("Delivered", prepared_at=timezone.now(), node=node(title)) for title in ("PACS", "AI"))
    QueueItem.objects.filter(pk=gone.pk).update(purged_at=timezone.now())
    assert "1 item to be sent again. 1 item could not be: the file has been removed." in words(
        act("send-again", kept, gone)
    )
    assert "0 items replayed. 1 item could not be: the file has been removed." in words(act("replay", gone))


def test_what_is_in_progress_is_not_among_those_that_could_not_be():
    held, new = queue_item("Prepared", lease_owner="host:1:a"), queue_item("Delivered")
    said = words(act("fail", held, new))
    assert "1 item in progress: it follows when their worker is done." in said
    assert "1 item could not be: Delivered: “Fail” means nothing there." in said


def test_the_offer_to_undo_does_not_say_that_what_is_only_wished_for_has_been_done():
    held, free = queue_item("Prepared", lease_owner="host:1:a"), queue_item("Prepared")
    said = words(act("fail", held))
    assert "1 item in progress: “Fail” follows Undo" in said
    assert "1 item failed" not in said
    assert "1 item failed, 1 in progress to follow Undo" in words(act("fail", held, free))
