"""A study whose images all arrived where they were sent, though scripts that send them elsewhere went wrong."""

import pytest

from routing.models import PrepareReport
from tests.builders import queue_item
from tests.pages.people import visitor, words

pytestmark = pytest.mark.django_db
STUDY = "1.2.826.78"


def prepared(state, *errors):
    """An item whose scripts ran once for each number of entries that went wrong."""
    item = queue_item(state, study_instance_uid=STUDY)
    for number in errors:
        PrepareReport.objects.create(item=item, at=item.created_at, verdict="prepared", errors=number)
    return item


def test_a_study_says_that_entries_were_skipped_beside_that_all_arrived():
    prepared("Delivered", 0)
    prepared("Delivered", 1)
    newest = prepared("Delivered", 2)
    answer = visitor().get(f"/studies/{STUDY}/")
    assert "Yes: " in words(answer)
    assert "Scripts went wrong for 2 items of it: what the skipped entries do" in words(answer)
    assert f'href="/queue/{newest.pk}/#why"' in answer.content.decode()


def test_what_was_put_right_and_what_has_failed_anyway_is_not_told_as_skipped():
    prepared("Delivered", 1, 0)
    prepared("Failed", 1)
    prepared("New", 1)
    assert "went wrong" not in words(visitor().get(f"/studies/{STUDY}/"))
