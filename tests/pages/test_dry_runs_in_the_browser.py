"""Dry runs of the script workshop in Chromium: they follow what is typed, keep nothing, and can be kept as tests."""

import pytest
from playwright.sync_api import expect

from tests.pages import workshop
from tests.pages.workshop import THREE, dataset_of, take, write_script

pytestmark = pytest.mark.browser
MEANT, ct, site = workshop.MEANT, workshop.ct, workshop.site
SETTINGS = {"CAPACITOR_LUA_SECONDS": "120"}
"""A script without an end is to be ended by what comes after it, not by its limit."""


def test_a_dry_run_kept_as_a_test_blocks_the_activation_that_breaks_it(site, visit, ct):
    opened = visit("administrator", "/scripts/entries/1/")
    take(opened, ct)
    opened.get_by_label("For", exact=True).select_option("PACS")
    write_script(opened, "route:Add('AI', function(ds) ds:Set('PatientName', uid()) end)")
    opened.locator("#try").click()
    opened.locator("#test-name").fill("AI gets no names")
    opened.get_by_role("button", name="Keep this result").click()
    expect(opened.locator("#kept")).to_contain_text("Kept as “AI gets no names”", timeout=30000)
    write_script(opened, "route:Add('AI')")
    opened.get_by_role("button", name="Save in the draft").click()
    opened.get_by_role("link", name="Review and activate").click()
    opened.get_by_label("Why").fill("simpler")
    opened.get_by_role("button", name="Activate").click()
    expect(opened.locator("main")).to_contain_text("PatientName stays as received, expected a new value")
    opened.get_by_label("Activate although tests fail").check()
    opened.get_by_role("button", name="Activate").click()
    expect(opened.locator("tbody tr").first).to_contain_text("despite failing tests: AI gets no names")
    opened.goto(f"{site.url}/scripts/tests/")
    opened.get_by_role("button", name="Remove AI gets no names").click()
    expect(opened.locator("main")).to_contain_text("No test yet")


def test_a_dry_run_that_comes_while_a_test_is_named_leaves_the_name_alone(visit, ct):
    opened = visit("script-author", "/scripts/entries/new/")
    expect(opened.locator("#test-name")).to_be_hidden()
    take(opened, ct)
    write_script(opened, "print('first')")
    expect(opened.locator("#result")).to_contain_text("first")
    opened.locator("#test-name").fill("half a na")
    write_script(opened, "print('second')")
    expect(opened.locator("#result")).to_contain_text("second")
    expect(opened.locator("#test-name")).to_have_value("half a na")


def test_what_is_said_of_a_kept_test_stays_until_something_is_changed(site, visit, ct):
    opened = visit("administrator", "/scripts/entries/new/")
    held, printed = [], opened.locator("#result .log .text", has_text="2.25.")
    take(opened, ct)
    write_script(opened, "print(dataset:Get('Modality'), uid())")
    expect(printed).to_contain_text("CT")
    before = printed.inner_text()
    opened.route("**/scripts/dry-run/", lambda request: held.append(request))
    opened.locator("#try").click()
    opened.locator("#test-name").fill("kept meanwhile")
    opened.get_by_role("button", name="Keep this result").click()
    expect(opened.locator("#kept")).to_contain_text("Kept as “kept meanwhile”")
    assert len(held) == 1
    held.pop().continue_()
    expect(printed).not_to_have_text(before)
    expect(opened.locator("#kept")).to_contain_text("Kept as “kept meanwhile”")
    opened.get_by_role("button", name="Remove").first.click()
    expect(opened.locator("#kept")).to_be_empty()
    opened.get_by_role("button", name="Keep this result").click()
    expect(opened.locator("#kept")).to_contain_text("Kept as")
    opened.get_by_text("Choose an image").click()
    take(opened, ct)
    expect(opened.locator("#kept")).to_be_empty()
    site.elsewhere("from scripts_app.models import ScriptTest\nScriptTest.objects.all().delete()")


def test_a_dry_run_given_up_for_an_older_one_that_came_late_is_asked_for_again(visit, ct):
    opened = visit("script-author", "/scripts/entries/new/")
    given_up = []

    def late(route):
        if given_up:
            route.continue_()
        else:
            given_up.append(route.request.post_data)
            route.fulfill(status=204)

    opened.route("**/scripts/dry-run/", late)
    take(opened, ct)
    write_script(opened, "print('at last')")
    expect(opened.locator("#result")).to_contain_text("at last")
    assert len(given_up) == 1


def test_the_dry_run_follows_what_is_typed_and_set_for_it(visit, ct):
    opened = visit("script-author", "/scripts/entries/new/")
    take(opened, ct)
    result = opened.locator("#result")
    write_script(opened, "print('first')\nlocal n = (study.n or 0) + 1\nstudy.n = n")
    expect(result).to_contain_text("first")
    expect(result.locator("tr", has_text="study.n")).to_contain_text("nil")
    opened.get_by_text("Set state, queue and nodes").click()
    opened.get_by_label("study before").fill('{"n": 41}')
    expect(result.locator("tr", has_text="study.n")).to_contain_text("42")
    opened.get_by_label("study before").fill("{")
    expect(result).to_contain_text("study before: line 1")
    opened.get_by_label("study before").fill("")

    write_script(opened, "while true do end")
    expect(result).to_have_class("htmx-request")
    write_script(opened, "print('second')\n\nerror('broken')")
    # The endless one would keep its place until its limit.
    expect(result).to_contain_text("second")
    result.get_by_role("button", name="line 3").click()
    opened.keyboard.type("-- ")
    expect(result.locator(".entry-error")).to_have_count(0)

    result.get_by_role("button", name="Look at it").first.click()
    expect(result.locator("img")).to_have_attribute("alt", "Frame 1 of 1 of the image for AI")
    with opened.expect_download() as download:
        result.get_by_role("button", name="Download the file for AI").first.click()
    assert download.value.suggested_filename == "1-AI.dcm"
    assert dataset_of(download.value.path()) == dataset_of(ct)


def test_nothing_is_left_of_a_dry_run(site, visit, ct):
    opened = visit("script-author", "/scripts/entries/new/")
    take(opened, ct)
    write_script(opened, THREE)
    opened.get_by_role("button", name="Try").click()
    expect(opened.locator("#result")).to_contain_text("Prepared", timeout=30000)
    site.elsewhere(
        "from scripts_app.models import *\n"
        "assert not any(table.objects.exists() for table in (QueueItem, ScopedState, ScriptDraft))"
    )


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("local t = {} while true do t[#t + 1] = ('x'):rep(1000000) end", "exceeded its limit"),
        ("os.execute('touch /nothing')", "os.execute"),
        ("error('fail: no')", "fail: no"),
        ("print(1", "expected"),
    ],
    ids=["greedy", "harmful", "failing", "no Lua"],
)
def test_a_hostile_script_is_a_result_and_the_site_goes_on(visit, ct, script, told):
    opened = visit("script-author", "/scripts/entries/new/")
    take(opened, ct)
    write_script(opened, script)
    opened.get_by_role("button", name="Try").click()
    expect(opened.locator("#result")).to_contain_text(told, timeout=60000)
    opened.reload()
    expect(opened.get_by_role("heading", name="Dry run", exact=True)).to_be_visible()


def test_what_is_no_image_is_refused_and_an_author_may_not_take_the_queues(visit, tmp_path):
    opened = visit("script-author", "/scripts/entries/new/")
    (tmp_path / "notes.txt").write_text("hello " * 100, encoding="utf-8")
    opened.get_by_label("DICOM file").set_input_files(tmp_path / "notes.txt")
    opened.get_by_role("button", name="Use this image").click()
    expect(opened.locator("#sample")).to_contain_text("not a DICOM file")
    expect(opened.get_by_label("or the image of queue item")).to_have_count(0)
    opened.get_by_role("button", name="Try").click()
    expect(opened.locator("#result")).to_contain_text("choose an image first")
