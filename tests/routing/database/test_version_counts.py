"""Runs of the scripts by activation: counted once, told at once, and kept when the items are gone."""

from datetime import timedelta

import pytest
from django.utils import timezone

from routing.database.short_lived import forget_all
from routing.database.version_counts import VersionCounter, accept, alarm, standing_of, standings
from routing.models import PrepareReport, VersionTally
from tests.builders import active, queue_item

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_is_known_yet():
    forget_all()


def runs(made, count, errors=0, verdict="prepared", **columns):
    values = {"at": timezone.now(), "script_version_id": made.version_id, "verdict": verdict, "errors": errors}
    for _ in range(count):
        PrepareReport.objects.create(item=queue_item(), **(values | columns))
    forget_all()


def figures(made):
    found = standing_of(made.pk)
    return found.rate.images, found.rate.troubled, found.rate.failed


def count():
    counter = VersionCounter()
    counter.look()
    while counter.step():
        pass
    forget_all()


def test_a_run_is_told_at_once_and_the_same_after_it_is_counted():
    made = active("print(1)")
    runs(made, 3)
    runs(made, 2, errors=1, verdict="failed")
    assert figures(made) == (5, 2, 2)
    count()
    assert figures(made) == (5, 2, 2)
    runs(made, 1)
    assert figures(made) == (6, 2, 2)
    count()
    count()
    assert figures(made) == (6, 2, 2)


def test_only_reports_that_were_there_a_round_ago_are_counted():
    made, counter = active("print(1)"), VersionCounter()
    runs(made, 1)
    assert not counter.step()
    assert not VersionTally.objects.exists()
    counter.step()
    assert VersionTally.objects.get().images == 1


def test_what_is_counted_stays_when_the_items_are_removed():
    made = active("print(1)")
    runs(made, 4)
    count()
    PrepareReport.objects.all().delete()
    forget_all()
    assert figures(made) == (4, 0, 0)


def test_a_version_that_is_activated_again_begins_anew():
    first = active("print(1)")
    runs(first, 2, errors=1)
    active("print(2)")
    again = active("print(1)")
    assert again.version_id == first.version_id
    runs(again, 3)
    assert (figures(first), figures(again)) == ((2, 2, 0), (3, 0, 0))
    count()
    assert (figures(first), figures(again)) == ((2, 2, 0), (3, 0, 0))


def test_runs_from_before_the_first_activation_belong_to_the_record_of_what_was_active_then():
    made = active("print(1)")
    runs(made, 25, at=made.at - timedelta(hours=1))
    second = active("error('x')")
    assert figures(made) == (25, 0, 0)
    count()
    runs(second, 1, errors=1)
    assert figures(made) == (25, 0, 0)
    assert standing_of(second.pk).before.images == 25


def test_the_alarm_rises_with_the_failures_and_ends_with_the_way_back():
    good = active("print(1)")
    runs(good, 30)
    assert alarm() is None
    bad = active("error('x')")
    runs(bad, 8, errors=1)
    runs(bad, 32)
    found = alarm()
    assert (found.activation, found.rate.troubled, found.rate.images) == (bad, 8, 40)
    assert (found.before.troubled, found.before.images) == (0, 30)
    active("print(1)")
    forget_all()
    assert alarm() is None


def test_failures_that_are_meant_raise_no_alarm_and_are_the_measure_of_the_next():
    runs(active("print(1)"), 30)
    strict = active("error('fail: no')")
    runs(strict, 20, errors=1, verdict="failed")
    runs(strict, 20)
    accept(strict, "anna")
    assert alarm() is None
    assert standing_of(strict.pk).meant_by == "anna"
    after = active("error('fail: no') -- still")
    runs(after, 5, errors=1, verdict="failed")
    runs(after, 5)
    assert alarm() is None
    assert standings()[0].before.troubled == 20
