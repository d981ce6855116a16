"""Two people, or one impatient one, press at the same moment: one effect, and the other is told."""

import re

import pytest
from django.utils import timezone

from routing.models import AuditRecord, HistoryEntry, Node, QueueItem
from scripts_app.draft import working
from tests.builders import lua_entry, node, queue_item
from tests.pages.filled_form import filled_form
from tests.pages.people import HTMX, visitor, words

pytestmark = pytest.mark.django_db


@pytest.mark.fault(120, "the same button pressed twice, and by two people")
@pytest.mark.parametrize(
    ("state", "button", "becomes"),
    [("Prepared", "fail", "Failed"), ("Prepared", "reject", "Rejected"), ("Rejected", "send-again", "Prepared")],
)
def test_the_second_press_changes_nothing_and_says_so(state, button, becomes, seen):
    item = queue_item(state, prepared_at=timezone.now())
    one, other = visitor("operator"), visitor("script author")
    first = one.post(f"/queue/{item.pk}/{button}/", headers=HTMX)
    second = other.post(f"/queue/{item.pk}/{button}/", headers=HTMX)
    third = one.post(f"/queue/{item.pk}/{button}/", headers=HTMX)
    assert first.status_code == second.status_code == third.status_code == 200
    assert QueueItem.objects.get().state == becomes
    assert HistoryEntry.objects.filter(item=item).count() == 1
    assert list(AuditRecord.objects.filter(action=button).values_list("actor", flat=True)) == ["the operator"]
    assert words(first) != words(second)
    seen("one move, one record; the second press is told that nothing was changed")


@pytest.mark.fault(120, "one fails what the other sends again")
def test_opposite_wishes_are_both_in_the_history_in_their_order():
    item = queue_item("Rejected", prepared_at=timezone.now())
    visitor("operator").post(f"/queue/{item.pk}/send-again/")
    visitor("script author").post(f"/queue/{item.pk}/fail/")
    moves = HistoryEntry.objects.filter(item=item).order_by("id").values_list("from_state", "to_state", "actor")
    assert list(moves) == [("Rejected", "Prepared", "the operator"), ("Prepared", "Failed", "the script author")]


@pytest.mark.parametrize("page", ["/queue/", "/queue/{}/"])
def test_a_button_drawn_before_the_delivery_sends_no_delivered_image_again(page):
    item = queue_item("Failed", prepared_at=timezone.now())
    address = f"/queue/{item.pk}/send-again/"
    operator = visitor("operator")
    form = pressed_form(operator.get(page.format(item.pk)), address)
    QueueItem.objects.update(state="Delivered")
    told = words(operator.post(address, form, follow=True))
    assert "has been delivered meanwhile, so nothing was done" in told
    assert QueueItem.objects.get().state == "Delivered"
    assert not HistoryEntry.objects.exists()
    operator.post(address, pressed_form(operator.get(f"/queue/{item.pk}/"), address))
    assert QueueItem.objects.get().state == "Prepared"


def pressed_form(answer, address):
    """What the button for ``address`` sends along, as it was drawn."""
    form = answer.content.decode().split(f'action="{address}"')[1].split("</form>")[0]
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))


@pytest.mark.parametrize("what", ["entries/{}", "libraries/file/libs/a.lua"])
def test_what_somebody_else_has_written_is_not_removed_by_who_has_not_seen_it(what):
    what = what.format(lua_entry("print(1)", description="one").pk)
    author, other = visitor("script author"), visitor("administrator")
    author.post("/scripts/libraries/new/", {"path": "libs/a.lua", "source": "a = 1"})
    page = f"/scripts/{what}/" if what[0] == "e" else f"/scripts/{what}"
    remove = page + "delete/" if what[0] == "e" else page.replace("file", "delete")
    form = pressed_form(author.get(page), remove)
    theirs = filled_form(other.get(page)) | {"script": "print('hours')", "source": "hours = 1"}
    assert other.post(page, theirs).status_code == 302
    told = words(author.post(remove, form, follow=True))
    assert "is not removed: somebody else has changed it meanwhile" in told
    assert "hours" in told and "hours" in str(working().content)
    author.post(remove, pressed_form(author.get(page), remove))
    assert "hours" not in str(working().content)


def test_disable_on_an_old_list_does_not_enable_what_somebody_else_has_disabled():
    address = f"/scripts/entries/{lua_entry('print(1)').pk}/toggle/"
    pressed = {"enabled": first_switch(visitor("script author").get("/scripts/"))}
    author = visitor("script author")
    for client in (author, visitor("administrator")):
        client.post(address, pressed)
        assert not working().content["entries"][0]["enabled"]
    author.post(address, {"enabled": first_switch(author.get("/scripts/"))})
    assert working().content["entries"][0]["enabled"]


def first_switch(answer):
    """What the button that switches the first entry sends along, as it was drawn."""
    button = re.search(r'<button [^>]*id="toggle-\d+"[^>]*>', answer.content.decode())[0]
    return re.search(r'(?: value="([^"]*)")?>', button)[1] or ""


@pytest.mark.fault(120, "two people pause a node")
def test_a_node_that_is_paused_twice_is_noted_once():
    pacs = node("PACS")
    for role in ("operator", "script author"):
        visitor(role).post(f"/nodes/{pacs.pk}/pause/")
    assert Node.objects.get().paused
    assert AuditRecord.objects.filter(action="pause node").count() == 1


def test_an_entry_that_is_saved_after_somebody_else_removed_it_is_told_to_be_the_last_one():
    for number in (1, 2):
        lua_entry(f"-- {number}", description=f"entry {number}")
    author, colleague = visitor("script author"), visitor("administrator")
    keys = [entry["key"] for entry in working().content["entries"]]
    address = f"/scripts/entries/{keys[0]}/"
    mine = filled_form(author.get(address)) | {"description": "mine"}
    colleague.post(f"{address}delete/", filled_form(colleague.get(address)))
    asked = author.post(address, mine)
    assert asked.status_code == 409
    assert "It will be the last entry of the order then" in words(asked)
    told = words(author.post(address, filled_form(asked), follow=True))
    assert "It had been removed, so it is the last entry now" in told
    assert [entry["key"] for entry in working().content["entries"]] == [keys[1], keys[0]]
    assert "it is the last entry" not in words(author.post(address, filled_form(author.get(address)), follow=True))
