"""Move: the question to which state many items are to go, with how many can go there and why not the others."""

import re

import pytest
from django.utils import timezone

from tests.builders import queue_item
from tests.pages.bulk import ask, states
from tests.pages.people import visitor, words

pytestmark = pytest.mark.django_db


def test_move_offers_every_state_with_how_many_can_go_there_and_why_not_the_others():
    prepared = {"prepared_at": timezone.now()}
    items = [queue_item("Failed", **prepared), queue_item("Failed"), queue_item("Delivered", **prepared)]
    items.append(queue_item("Rejected", received_id=items[0].pk, **prepared))
    page = ask("action=move&" + "&".join(f"ids={item.pk}" for item in items))
    said = words(page)
    # A New item is one whose scripts run again: not the copy, and not what was delivered.
    assert re.search(r"New 2 items · not: (a copy meets no script again; its original does|Delivered: .*?there)", said)
    assert "Prepared 3 items · not: the scripts have not finished it" in said
    assert "Failed 1 item · not: already Failed" in said
    assert "Rejected 2 items" in said
    assert "Dropped 3 items" in said
    assert "another destination 2 items" in said
    assert states(*items) == ["Failed", "Failed", "Delivered", "Rejected"]
    form = page.content.decode()
    assert [f'name="ids" value="{item.pk}"' in form for item in items] == [True] * 4
    assert 'name="action" value="prepare-again"' in form


def test_move_says_why_a_state_cannot_be_reached_by_any_of_them():
    said = words(ask(f"action=move&ids={queue_item('Delivered', purged_at=timezone.now()).pk}"))
    assert "Prepared Not possible: the file has been removed" in said
    assert "Failed Not possible: Delivered: “Fail” means nothing there" in said


@pytest.mark.parametrize("role", ["viewer", "nobody"])
def test_move_is_not_for_who_may_not_operate(role):
    assert ask(f"action=move&ids={queue_item('Failed').pk}", visitor(role)).status_code == 403
