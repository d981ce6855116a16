"""The pages of rehearsals: who may, what is told, and what stays hidden."""

import pytest
from django.urls import reverse
from django.utils import timezone

from routing.models import AuditRecord, QueueItem, Rehearsal, RehearsedImage
from scripts_app.draft import change, working
from scripts_app.models import Activation
from tests.builders import lua_entry, node, queue_item
from tests.pages.people import HTMX, visitor, words

pytestmark = pytest.mark.django_db
ENTRY = {"key": "new-1", "description": "", "enabled": True, "script": "print(2)", "conditions": [], "ae_titles": []}
RESULT = {"result": "prepared", "message": "", "item_log": ["name is MEIER^A"]}
ERROR = {"status": "error", "line": 3, "reason": "no MEIER^A", "description": ""}
TOLD = {
    "then": {"result": "prepared", "message": "", "version": 4, "at": "2026-01-02T09:30:00+00:00", "errors": [],
             "destinations": [{"destination": "PACS", "original": True}]},
    "before": {**RESULT, "entries": [], "outputs": [{"destination": "PACS", "original": True, "changed": 0}]},
    "after": {**RESULT, "entries": [ERROR], "outputs": [{"destination": "AI", "original": False, "changed": 1}]},
    "gained": ["AI (copy)"], "lost": ["PACS"], "more_elements": 0,
    "elements": [{"destination": "AI", "tag": "0010,0010", "keyword": "PatientName", "received": "MEIER^A",
                  "before": None, "after": "MEIER^ANON"}],
    "states": [{"place": "study.MEIER^A", "before": None, "after": "MEIER^A"}], "more_states": 0,
}  # fmt: skip


@pytest.fixture
def author():
    node("PACS")
    return visitor("script author", phi=True)


def draft():
    change("anna", lambda content: content["entries"].append({**ENTRY, "on_error": "skip"}))
    return working()


def rehearsal(**columns):
    now = working()
    from scripts_app.core.script_content import fingerprint

    values = {"kind": "past", "scope": "the last 500 images", "content": now.content, "created_by": "anna"}
    return Rehearsal.objects.create(**{**values, "fingerprint": fingerprint(now.content), **columns})


def image(of, effect="routes", told=TOLD, **columns):
    item = queue_item("Delivered", patient_name="MEIER^A", prepared_at=timezone.now(), **columns)
    return RehearsedImage.objects.create(rehearsal=of, item=item, effect=effect, told=told)


def addresses(of=1, item=1):
    return {
        "rehearsals": (), "rehearsal_ask": (), "rehearsal_begin": (), "rehearsal_shadow": (), "rehearsal": (of,),
        "rehearsal_end": (of,), "rehearsed_image": (of, item),
    }  # fmt: skip


@pytest.mark.parametrize("query", ["patient=NOBODY", "since=yesterday"])
def test_nothing_is_begun_over_a_filter_of_which_a_part_is_left_out(query):
    node("PACS")
    draft()
    queue_item("Delivered", prepared_at=timezone.now())
    author = visitor("script author")
    assert "Put the filter right first." in words(author.get(f"{reverse('rehearsal_ask')}?{query}"))
    answer = author.post(f"{reverse('rehearsal_begin')}?{query}", {"scope": "matching"})
    assert answer.status_code == 400
    assert "is left out: " in words(answer)
    assert not Rehearsal.objects.exists()


@pytest.mark.parametrize("role", ["nobody", "viewer", "operator"])
def test_only_script_authors_reach_rehearsals(role):
    for name, given in addresses().items():
        visit = visitor(role)
        codes = (visit.get(reverse(name, args=given)).status_code, visit.post(reverse(name, args=given)).status_code)
        assert codes in ((403, 405), (405, 403)), name


def test_the_draft_is_begun_over_the_last_images_one_image_or_what_a_filter_finds(author):
    draft()
    items = [queue_item("Delivered", prepared_at=timezone.now(), modality=name) for name in ("CT", "MR", "CT")]
    queue_item("New")
    author.post(reverse("rehearsal_begin"), {"number": "500"})
    author.post(reverse("rehearsal_begin"), {"scope": "item", "number": str(items[0].pk)})
    assert "2 received images match" in words(author.get(reverse("rehearsal_ask"), {"modality": "CT"}))
    author.post(reverse("rehearsal_begin") + "?modality=CT", {"scope": "matching"})
    begun = list(Rehearsal.objects.order_by("pk"))
    assert [each.items for each in begun] == [
        [each.pk for each in reversed(items)],
        [items[0].pk],
        [items[2].pk, items[0].pk],
    ]
    assert [each.scope for each in begun] == [
        "the last 3 images",
        f"item {items[0].pk}",
        "images of the queue (filter: modality)",
    ]
    assert begun[0].content["entries"][0]["script"] == "print(2)"
    assert AuditRecord.objects.filter(action="begin rehearsal").count() == 3


def test_a_draft_that_cannot_run_is_not_begun_and_the_page_says_why(author):
    change("anna", lambda content: content["entries"].append({**ENTRY, "on_error": "skip", "ae_titles": ["PAX"]}))
    queue_item("Delivered", prepared_at=timezone.now())
    said = words(author.post(reverse("rehearsal_begin"), {"number": "5"}, follow=True))
    assert "Not begun: " in said
    assert "'PAX' is no Storage node" in said
    assert not Rehearsal.objects.exists()


def test_a_second_shadow_is_refused_and_the_first_can_be_dropped(author):
    draft()
    author.post(reverse("rehearsal_shadow"))
    shadow = Rehearsal.objects.get()
    again = words(author.post(reverse("rehearsal_shadow"), follow=True))
    assert "this very draft runs as a shadow already" in again
    page = author.get(reverse("rehearsal", args=[shadow.pk]))
    assert "Drop the shadow" in words(page)
    assert "Review and activate" in words(page)
    change("bert", lambda content: content["entries"][0].update(script="print(3)"))
    assert "another draft runs as a shadow" in words(author.post(reverse("rehearsal_shadow"), follow=True))
    author.post(reverse("rehearsal_end", args=[shadow.pk]))
    shadow.refresh_from_db()
    assert shadow.state == "stopped"
    assert "had ended already" in words(author.post(reverse("rehearsal_end", args=[shadow.pk]), follow=True))
    assert AuditRecord.objects.filter(action="end rehearsal").count() == 1


def test_the_blast_radius_stands_beside_the_activation_of_exactly_this_draft(author):
    draft()
    rehearsal(counts={"routes": 37, "fails": 4, "identical": 459}, state="done")
    told = "4 would fail, 37 would change destination, 459 identical"
    assert f"Of the last 500 images: {told}" in words(author.get(reverse("script_draft")))
    change("bert", lambda content: content["entries"][0].update(script="print(3)"))
    said = words(author.get(reverse("script_draft")))
    assert told not in said
    assert "The draft has changed since the last rehearsal" in said


def test_a_rehearsal_lists_its_images_by_effect_and_each_opens_its_differences(author):
    draft()
    made = rehearsal(counts={"routes": 1, "fails": 1})
    moved, failing = image(made), image(made, "fails")
    whole = author.get(reverse("rehearsal", args=[made.pk]))
    only = author.get(reverse("rehearsal", args=[made.pk]), {"effect": "fails"}, headers=HTMX)
    address = reverse("rehearsed_image", args=[made.pk, moved.item_id])
    assert f'href="{address}"' in whole.content.decode()
    assert f'href="{address}"' not in only.content.decode()
    assert str(failing.item_id) in words(only)
    told = words(author.get(address))
    assert "Also to AI (copy). No longer to PACS." in told
    assert "MEIER^ANON" in told
    assert "entry 1 line 3: no MEIER^A" in told


def test_without_the_right_to_see_patient_data_values_and_what_scripts_say_are_masked():
    node("PACS")
    made = rehearsal()
    shown = image(made, told={**TOLD, "after": {**TOLD["after"], "message": "MEIER^A again"}})
    author = visitor("script author")
    for address in (
        reverse("rehearsal", args=[made.pk]),
        reverse("rehearsed_image", args=[made.pk, shown.item_id]),
    ):
        page = author.get(address)
        assert "MEIER" not in page.content.decode()
        assert "•••" in words(page)
    assert "0010,0010 PatientName" in words(page)


def test_what_could_not_be_tried_says_why(author):
    made = rehearsal(counts={"untried": 1})
    untried = image(made, "untried", {"why": "the received file is no longer kept"})
    assert "the received file is no longer kept" in words(author.get(reverse("rehearsal", args=[made.pk])))
    page = author.get(reverse("rehearsed_image", args=[made.pk, untried.item_id]))
    assert "Not tried: the received file is no longer kept" in words(page)


def test_a_page_of_an_item_offers_to_try_the_draft_on_it_to_authors_only(author):
    item = queue_item("Delivered", prepared_at=timezone.now())
    assert "Try the draft on it" in words(author.get(reverse("queue_item", args=[item.pk])))
    assert "Try the draft on it" not in words(visitor("operator").get(reverse("queue_item", args=[item.pk])))
    QueueItem.objects.update(purged_at=timezone.now())
    assert "Try the draft on it" not in words(author.get(reverse("queue_item", args=[item.pk])))


def test_without_a_worker_the_pages_say_that_nobody_rehearses(author):
    made = rehearsal()
    for address in (reverse("rehearsals"), reverse("rehearsal", args=[made.pk])):
        assert "the queue worker does not run" in words(author.get(address))


def test_nothing_is_activated_by_rehearsing(author):
    lua_entry("print(1)")
    draft()
    queue_item("Delivered", prepared_at=timezone.now())
    author.post(reverse("rehearsal_begin"), {"number": "5"})
    assert not Activation.objects.exists()
    assert working().counter
