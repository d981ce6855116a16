"""A shadow: the draft over what comes in, beside what is active."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from routing.core.identifiers import first_at
from routing.models import QueueItem, Rehearsal
from routing.trials.rehearsal import Unbegun, begin_shadow, end
from scripts_app.activation import activate
from tests.builders import queue_item
from tests.routing.engine.preparing.preparation import Preparation
from tests.routing.engine.rehearsing import rehearsing
from tests.routing.engine.rehearsing.rehearsing import DRAFT, FAILS, SAME, Asked, images, rehearsed

pytestmark = pytest.mark.django_db
work = rehearsing.work


def old_enough(ids: list[int]) -> int:
    """An id from before these, which a shadow begins behind; they are long since prepared then."""
    moment = timezone.now() - timedelta(hours=1)
    for number, item_id in enumerate(ids):
        QueueItem.objects.filter(pk=item_id).delete()
        identifier = first_at(moment) + number + 1
        queue_item("Delivered", id=identifier, received_id=identifier, prepared_at=moment)
    return first_at(moment)


def test_a_shadow_follows_what_comes_in_and_goes_on_until_it_is_dropped(work: Preparation) -> None:
    shadow = begin_shadow(DRAFT, "anna")
    with pytest.raises(Unbegun):
        begin_shadow(DRAFT, "bert")
    assert rehearsed(work, Asked(FAILS), shadow).tried == 0
    start = old_enough(images(work, 3))
    Rehearsal.objects.filter(pk=shadow.pk).update(position=start)
    followed = rehearsed(work, Asked(FAILS), shadow)
    # The builders' items have no files; that they were looked at is what counts here.
    assert (followed.state, followed.tried, followed.passed_over) == ("running", 3, 0)
    end(shadow.pk, "anna")
    begin_shadow(DRAFT, "bert")


def test_a_shadow_that_is_too_slow_tries_the_newest_and_counts_the_others(work: Preparation) -> None:
    shadow = begin_shadow(DRAFT, "anna")
    start = old_enough(images(work, 30))
    Rehearsal.objects.filter(pk=shadow.pk).update(position=start)
    followed = rehearsed(work, Asked(SAME), shadow)
    assert (followed.tried, followed.passed_over) == (20, 10)


def test_an_image_that_has_just_come_in_is_left_to_its_scripts_first(work: Preparation) -> None:
    shadow = begin_shadow(DRAFT, "anna")
    Rehearsal.objects.filter(pk=shadow.pk).update(position=0)
    images(work, 2)
    assert rehearsed(work, Asked(SAME), shadow).tried == 0


def test_a_shadow_ends_when_what_it_tries_becomes_active(work: Preparation) -> None:
    entry = {"key": "new", "description": "", "enabled": True, "script": "print(1)", "conditions": []}
    content = {"entries": [{**entry, "ae_titles": [], "on_error": "skip"}], "libraries": {}}
    shadow = begin_shadow(content, "anna")
    rehearsed(work, Asked(SAME), shadow)
    activate({"entries": [], "libraries": {"a.lua": ""}}, "anna", "another")
    assert rehearsed(work, Asked(SAME), shadow).state == "running"
    activate(content, "anna", "as rehearsed")
    assert rehearsed(work, Asked(SAME), shadow).state == "done"
