"""From a failed item to the script that failed, and back to all items that failed with it."""

import pytest
from django.urls import reverse
from django.utils import timezone

from routing.models import AuditRecord, PrepareReport, QueueItem
from scripts_app.activation import activate, stored_collection
from scripts_app.draft import change, working
from scripts_app.models import LuaEntry
from tests.builders import node, queue_item
from tests.pages.people import visitor, words

pytestmark = pytest.mark.django_db
SCRIPT = "local a = 1\nlocal b = 2\nerror('fail: no MEIER')\nprint(a, b)"
ERROR = {"number": 1, "description": "", "status": "error", "reason": "fail: no MEIER", "file": "entry 1", "line": 3}
LAST = "entry 1, line 3: fail: no MEIER"


def active(script=SCRIPT, *, libraries=None, **columns):
    entry = {"description": "the one", "enabled": True, "conditions": [], "ae_titles": [], "on_error": "skip"}
    off = {**entry, "key": "off", "enabled": False, "description": "off", "script": "print('off')"}
    one = {**entry, "key": "new-1", **({"script": script} if "library" not in columns else {}), **columns}
    return activate({"entries": [off, one], "libraries": libraries or {}}, "anna", "because")


def failed(made, error=ERROR, **columns):
    item = queue_item("Failed", last_error=LAST, script_version_id=made.version_id, **columns)
    entries = [error] if error else []
    values = {"script_version_id": made.version_id, "verdict": "failed", "message": LAST, "entries": entries}
    PrepareReport.objects.create(item=item, at=timezone.now(), errors=1, **values)
    return item


def key_of_the_one():
    return LuaEntry.objects.get(description="the one").key


@pytest.fixture
def author():
    node("PACS")
    return visitor("script author", phi=True)


def begin(client, item, **given):
    return client.post(reverse("fix_begin", args=[item.pk]), given, follow=True)


def test_a_failed_item_opens_the_editor_with_its_script_and_the_failing_line_marked(author):
    item = failed(active())
    page = author.get(reverse("queue_item", args=[item.pk]))
    assert f'action="{reverse("fix_begin", args=[item.pk])}"' in page.content.decode()
    editor = begin(author, item)
    text = editor.content.decode()
    assert editor.context["form"].script == SCRIPT
    assert editor.context["key"] == key_of_the_one()
    assert 'data-line="3"' in text
    assert "fail: no MEIER" in words(editor)
    assert '<span class="wrong"><span class="number">3 ✗</span> error(' in text


def test_its_image_becomes_the_sample_and_that_is_audited(author, tmp_path, settings):
    item = failed(active())
    begin(author, item)
    # The file of a builder's item is not in the spool, and the page says so.
    assert not AuditRecord.objects.filter(action="take image for dry runs").exists()
    from routing.queue.spool import open_spool

    path = open_spool().path(item.received_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"a file")
    try:
        editor = begin(author, item)
    finally:
        path.unlink()
    assert AuditRecord.objects.filter(action="take image for dry runs", object=f"item {item.pk}").exists()
    assert editor.context["sample"].id == str(item.pk)


def test_without_the_right_to_see_patient_data_no_image_is_taken_and_what_the_script_said_is_masked():
    node("PACS")
    editor = begin(visitor("script author"), failed(active()))
    assert editor.context["sample"] is None
    assert "MEIER" not in words(editor).replace("error('fail: no MEIER')", "")
    assert "•••" in words(editor)


def test_saving_goes_to_the_entry_and_changes_the_draft_only(author):
    item = failed(active())
    editor = begin(author, item)
    form = {"description": "the one", "enabled": "on", "script": "print(1)", "library": "", "on_error": "skip"}
    address = editor.context["action"]
    assert address == reverse("script_entry", args=[key_of_the_one()])
    author.post(address, {**form, "mark": editor.context["mark"]})
    assert working().content["entries"][1]["script"] == "print(1)"
    assert LuaEntry.objects.get(description="the one").script == SCRIPT


def test_when_the_draft_has_another_text_by_now_both_stand_beside_each_other(author):
    item = failed(active())
    change("bert", lambda content: content["entries"][1].update(script="print('newer')"))
    editor = begin(author, item)
    assert editor.context["form"].script == SCRIPT
    assert "print('newer')" in words(editor)
    assert "The draft has another text by now" in words(editor)


def test_an_entry_that_is_gone_is_added_anew_by_saving(author):
    item = failed(active())
    activate({**stored_collection(), "entries": []}, "bert", "away with it")
    editor = begin(author, item)
    assert editor.context["action"] == reverse("script_entry_new")
    assert "The draft has no such part any more" in words(editor)


def test_an_error_in_a_library_file_opens_that_file(author):
    made = active("include('libs/a.lua')", libraries={"libs/a.lua": "function f()\n  error('x')\nend\n"})
    item = failed(made, {**ERROR, "file": "libs/a.lua", "line": 2})
    editor = begin(author, item)
    assert editor.context["path"] == "libs/a.lua"
    assert 'data-line="2"' in editor.content.decode()
    assert editor.context["action"] == reverse("script_library", args=["libs/a.lua"])


def test_after_the_activation_the_items_that_failed_with_this_are_offered_for_retry(author):
    made = active()
    items = [failed(made) for _ in range(3)]
    other = queue_item("Failed", last_error="entry 1, line 9: another", script_version_id=made.version_id)
    begin(author, items[0])
    bar = words(author.get(reverse("scripts")))
    assert f"Under repair: item {items[0].pk}, entry 1 line 3 of version {made.version_id}" in bar
    assert "Retry the" not in bar
    active("print('mended')")
    page = author.get(reverse("script_versions"))
    assert "3 items failed with this cause" in words(page)
    assert "Retry the 3 items that failed with this" in words(page)
    link = page.content.decode().split(reverse("queue_ask") + "?")[1].split('"')[0].replace("&amp;", "&")
    asked = words(author.get(f"{reverse('queue_ask')}?{link}"))
    assert "3" in asked
    author.post(f"{reverse('queue_act')}?{link}", {"action": "retry", "scope": "matching"})
    assert set(QueueItem.objects.filter(state="New").values_list("pk", flat=True)) == {item.pk for item in items}
    assert QueueItem.objects.get(pk=other.pk).state == "Failed"
    author.post(reverse("fix_end"))
    assert "Under repair" not in words(author.get(reverse("scripts")))


def test_when_nothing_tells_which_entry_it_was_the_image_is_taken_all_the_same(author):
    item = failed(active(), None)
    page = author.get(reverse("queue_item", args=[item.pk]))
    assert "ended before it could tell which entry it was" in words(page)
    said = words(begin(author, item))
    assert "Nothing tells which entry it was: a dry run of the image will" in said
    assert f"Under repair: item {item.pk}" in said


def test_an_item_without_a_script_s_failure_is_not_repaired(author):
    item = queue_item("Delivered", prepared_at=timezone.now())
    assert "No script went wrong for this item" in words(begin(author, item))
    assert author.get(reverse("fix"), follow=True).status_code == 200


@pytest.mark.parametrize("role", ["nobody", "viewer", "operator"])
def test_only_script_authors_repair(role):
    item = queue_item("Failed")
    client = visitor(role)
    assert client.post(reverse("fix_begin", args=[item.pk])).status_code == 403
    assert client.get(reverse("fix")).status_code == 403
    assert client.post(reverse("fix_end")).status_code == 403
