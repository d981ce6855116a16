"""How pages tell of the failures of a version."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from routing.database.short_lived import forget_all
from routing.models import AuditRecord, PrepareReport
from scripts_app.models import Activation
from tests.builders import active, node, queue_item
from tests.pages.people import visitor, words

pytestmark = pytest.mark.django_db
ERROR = {"number": 1, "description": "", "status": "error", "reason": "no MEIER today", "file": "entry 1", "line": 7}
WORKSHOP = ("scripts", "script_versions", "script_draft", "script_tests", "script_entry_new")


def run(made, *errors, verdict="prepared"):
    values = {"script_version_id": made.version_id, "verdict": verdict, "entries": list(errors), "errors": len(errors)}
    return PrepareReport.objects.create(item=queue_item(), at=timezone.now(), **values)


@pytest.fixture
def broken():
    node("PACS")
    good = active("print(1)")
    for _ in range(20):
        run(good)
    bad = active("error('x')")
    for _ in range(2):
        run(bad, ERROR)
    run(bad)
    forget_all()
    return bad


@pytest.mark.parametrize("page", WORKSHOP)
def test_every_workshop_page_says_that_failures_have_risen_and_how_to_go_back(page, broken):
    said = visitor("script author").get(reverse(page))
    assert "2 of 3 images met errors in scripts (before: 0 of 20)" in words(said)
    assert f"Roll back to activation {broken.pk - 1}" in words(said)
    assert f"{reverse('script_version', args=[broken.pk])}#failures" in said.content.decode()


def test_the_dashboard_names_it_among_the_problems(broken):
    said = words(visitor("viewer").get(reverse("dashboard")))
    assert "2 of 3 images met errors in scripts since" in said
    assert f"0 of 20 before; activation {broken.pk} by anna" in said


def test_rolling_back_ends_the_alarm(broken):
    author = visitor("script author")
    author.post(reverse("script_roll_back", args=[broken.pk - 1]), {"reason": "broken"})
    forget_all()
    assert "met errors" not in words(author.get(reverse("scripts")))


def test_a_viewer_is_told_and_offered_nothing(broken):
    viewer = visitor("viewer")
    said = words(viewer.get(reverse("scripts")))
    assert "2 of 3 images" in said
    assert "Roll back" not in said
    assert viewer.post(reverse("version_accept", args=[broken.pk])).status_code == 403


def test_failures_that_are_meant_are_said_so_with_a_name_and_audited(broken):
    author = visitor("script author")
    author.post(reverse("version_accept", args=[broken.pk]))
    said = words(author.get(reverse("script_version", args=[broken.pk])))
    assert "2 of 3 images met errors in scripts (66.7 %)" in said
    assert "the script author said that this is meant" in said
    assert "Roll back to" not in said
    assert AuditRecord.objects.filter(action="accept failures").exists()


def test_the_page_of_a_version_lists_what_went_wrong_and_masks_what_scripts_quote(broken):
    address = reverse("script_version", args=[broken.pk])
    item = PrepareReport.objects.filter(errors=1).last().item_id
    seen = visitor("script author", phi=True).get(address)
    assert reverse("queue_item", args=[item]) in seen.content.decode()
    assert "entry 1, entry 1 line 7: no MEIER today" in words(seen)
    masked = visitor("viewer").get(address)
    assert "MEIER" not in masked.content.decode()
    assert "entry 1, entry 1 line 7: •••" in words(masked)


def test_the_list_tells_the_figures_of_each_activation(broken):
    said = words(visitor("viewer").get(reverse("script_versions")))
    assert "2 of 3" in said
    assert "0 of 20" in said


def test_an_item_leads_to_the_version_that_ran(broken):
    item = PrepareReport.objects.filter(errors=1).last().item_id
    viewer = visitor("viewer")
    page = viewer.get(reverse("queue_item", args=[item])).content.decode()
    address = reverse("script_version_of", args=[broken.version_id])
    assert f'href="{address}?at=' in page
    assert viewer.get(address)["Location"] == reverse("script_version", args=[broken.pk])
    assert viewer.get(reverse("script_version_of", args=[9999])).status_code == 404


def test_an_item_leads_to_the_activation_that_it_met_and_not_to_a_later_one_of_the_same_scripts(broken):
    first = Activation.objects.get(pk=broken.pk - 1)
    item = PrepareReport.objects.filter(script_version_id=first.version_id).first().item_id
    again = active("print(1)")
    Activation.objects.exclude(pk=first.pk).update(at=timezone.now() + timedelta(seconds=5))
    assert again.version_id == first.version_id
    viewer = visitor("viewer")
    page = viewer.get(reverse("queue_item", args=[item])).content.decode()
    (address, *more) = set(re.findall(r'href="(/scripts/versions/of/[^"]+)"', page))
    assert (viewer.get(address)["Location"], more) == (reverse("script_version", args=[first.pk]), [])
    without = reverse("script_version_of", args=[first.version_id])
    for odd in ("", "?at=", "?at=x", "?at=99999999999999"):
        assert viewer.get(without + odd)["Location"] == reverse("script_version", args=[again.pk])
