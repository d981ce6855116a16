"""The script workshop as an author meets it: in Chromium, with the real server and real dry runs."""

import re

import pytest
from playwright.sync_api import expect

from tests.pages import workshop
from tests.pages.browser import SCHEMES, SIZES, assert_readable
from tests.pages.workshop import THREE, take, write_script

pytestmark = pytest.mark.browser
MEANT, ct, site = workshop.MEANT, workshop.ct, workshop.site


def test_what_is_written_of_a_condition_while_the_page_still_loads_is_checked_as_well(site, visit):
    opened = visit("script-author", "/scripts/")
    held = []
    opened.route("**/conditions*.js", lambda route: held.append(route))
    with opened.expect_request("**/conditions*.js"):
        opened.goto(site.url + "/scripts/entries/new/", wait_until="commit")
    opened.get_by_label("Tag").first.fill("Modalty")
    opened.get_by_label("Pattern").first.fill("C*")
    held[0].continue_()
    expect(opened.locator(".condition-row .words").first).to_contain_text("did you mean Modality?")


def test_from_a_new_entry_over_a_dry_run_to_activation_and_back(site, visit, ct):
    opened = visit("script-author", "/scripts/")
    opened.get_by_role("link", name="New entry").click()
    opened.get_by_label("Description").fill("CT to three places")
    opened.get_by_label("Tag").first.fill("Modalty")
    opened.get_by_label("Pattern").first.fill("C*")
    expect(opened.locator(".condition-row .words").first).to_contain_text("did you mean Modality?")
    opened.get_by_label("Tag").first.fill("Modality")
    expect(opened.locator(".condition-row .words").first).to_contain_text("read as wildcard")

    write_script(opened, "route:Add('ARCHIV')\nif x the")
    expect(opened.locator(".cm-lint-marker-error")).to_be_visible()
    write_script(opened, "route:Add('ARCHIV')")
    expect(opened.locator(".cm-lint-marker-warning")).to_be_visible()
    opened.locator(".cm-lint-marker-warning").hover()
    expect(opened.locator(".cm-tooltip")).to_contain_text("did you mean ARCHIVE?")

    take(opened, ct)
    opened.get_by_label("For", exact=True).select_option("PACS")
    write_script(opened, THREE)
    opened.keyboard.press("Control+Enter")
    result = opened.locator("#result")
    expect(result).to_contain_text("Prepared", timeout=30000)
    expect(result.locator(".output")).to_have_count(3)
    copy = result.locator(".output", has_text="AI").first
    expect(copy).to_contain_text("SYNTHETIC^Zoë")
    expect(copy).to_contain_text("ANONYMOUS")
    expect(copy).to_contain_text("removed")
    expect(result).to_contain_text("seen CT")
    expect(result).to_contain_text("study.images")
    expect(result.locator(".here")).to_contain_text("CT to three places")

    opened.get_by_role("button", name="Save in the draft").click()
    expect(opened.locator("#messages")).to_contain_text("nothing runs differently until it is activated")
    opened.get_by_role("link", name="Review and activate").click()
    expect(opened.locator(".lines")).to_contain_text("route:Add('ARCHIVE')")
    opened.get_by_role("button", name="Activate").click()
    expect(opened.locator("main")).to_contain_text("Say why")
    opened.get_by_label("Why").fill("the AI pilot")
    opened.get_by_role("button", name="Activate").click()
    expect(opened.locator("tbody tr").first).to_contain_text("the AI pilot")
    expect(opened.locator("tbody tr")).to_have_count(2)

    opened.locator("tbody tr").last.get_by_role("link", name="Compare").click()
    opened.get_by_label("Why").fill("the pilot is over")
    opened.get_by_role("button", name="Make this active again").click()
    expect(opened.locator("tbody tr").first).to_contain_text("the pilot is over")
    site.elsewhere(
        "from scripts_app.loader import active\nassert [e.description for e in active().entries] == ['always']"
    )


def test_an_answer_about_what_a_condition_was_before_does_not_take_the_place_of_a_newer_one(site, visit):
    opened = visit("script-author", "/scripts/entries/new/")
    held = []

    def answer_the_first_one_last(route):
        held.append(route)
        if len(held) == 2:
            newer = route.fetch()
            route.fulfill(response=newer)
            held[0].continue_()

    address = re.compile("/scripts/condition")
    opened.route(address, answer_the_first_one_last)
    with opened.expect_request(address):
        opened.get_by_label("Tag").first.fill("Modality")
    with opened.expect_response(lambda response: response.request == held[0].request) as older:
        opened.get_by_label("Pattern").first.fill("C*")
    older.value.finished()
    # Whatever the page does with that is done when it has asked for something else.
    opened.evaluate("async () => (await fetch('/healthz')).text()")
    expect(opened.locator(".condition-row .words").first).to_contain_text("read as wildcard")


def test_entries_are_put_in_order_with_keys_and_by_dragging(site, visit):
    site.elsewhere(
        "from tests.builders import lua_entry\nlua_entry('a()', description='second', ae_titles=['AI'])\n"
        "lua_entry('b()', description='third')"
    )
    opened = visit("script-author", "/scripts/")
    titles = opened.locator(".entries h2")
    opened.locator(".grip").first.focus()
    opened.keyboard.press("End")
    expect(titles).to_have_text(["second", "third", re.compile("always")])
    expect(opened.locator(".grip").last).to_be_focused()
    opened.keyboard.press("ArrowUp")
    expect(titles).to_have_text(["second", re.compile("always"), "third"])
    expect(opened.locator("#scripts [role=status]").last).to_have_text("always: 2 of 3")
    opened.locator(".grip").last.drag_to(opened.locator(".entries > li").first)
    expect(titles).to_have_text(["third", "second", re.compile("always")])
    opened.get_by_label("Which entries meet an image whose sender calls").select_option("DCP_PACS")
    expect(opened).to_have_url(f"{site.url}/scripts/?called=DCP_PACS")
    expect(opened.locator(".entries > li", has_text="second")).to_contain_text("Not for PACS")
    site.elsewhere(
        "from scripts_app.models import ScriptDraft\nScriptDraft.objects.all().delete()\n"
        "LuaEntry.objects.exclude(description='always').delete()"
    )


def test_an_example_of_the_reference_is_inserted_where_the_cursor_stands(visit):
    opened = visit("script-author", "/scripts/entries/new/")
    write_script(opened, "-- here\n")
    opened.get_by_text("What a script has").click()
    opened.get_by_role("button", name="Insert the example of route:Drop()").click()
    expect(opened.locator(".cm-content")).to_contain_text("route:Drop()")


def test_completion_offers_members_keywords_nodes_states_and_what_included_files_define(site, visit):
    site.elsewhere(
        "from scripts_app.models import LuaLibrary\nLuaLibrary.objects.create(path='libs/phi.lua', "
        "source='-- Removes names.\\nfunction strip_phi(ds)\\n  ds:Remove(1)\\nend\\n')"
    )
    opened = visit("script-author", "/scripts/entries/new/")
    for typed, offered in (
        ("dataset:G", "Get"),
        ("dataset:Get('PatientNa", "PatientName"),
        ("route:Add('ARC", "ARCHIVE"),
        ("if node:echo('ARC", "ARCHIVE"),
        ("queue:count('Fai", "Failed"),
        ("include('li", "libs/phi.lua"),
        ("include('libs/phi.lua')\nstrip", "strip_phi(ds)"),
    ):
        write_script(opened, typed[:-1])
        opened.keyboard.type(typed[-1])
        expect(opened.locator(".cm-tooltip-autocomplete")).to_contain_text(offered)
        opened.keyboard.press("Escape")
    site.elsewhere("from scripts_app.models import LuaLibrary\nLuaLibrary.objects.all().delete()")


def test_blocks_are_folded_and_an_error_while_running_is_marked_at_its_line(visit, ct):
    opened = visit("script-author", "/scripts/entries/new/")
    write_script(opened, "if true then\n  print('inner')\nend\nerror('broken here')")
    opened.locator(".cm-foldGutter .cm-gutterElement", has_text="⌄").first.click()
    expect(opened.locator(".cm-content")).not_to_contain_text("inner")
    opened.locator(".cm-foldPlaceholder").click()
    expect(opened.locator(".cm-content")).to_contain_text("inner")
    expect(opened.locator(".cm-lint-marker-error")).to_have_count(0)
    take(opened, ct)
    opened.locator("#try").click()
    expect(opened.locator(".cm-lint-marker-error")).to_have_count(1)
    opened.locator(".cm-lint-marker-error").hover()
    expect(opened.locator(".cm-tooltip")).to_contain_text("broken here")
    write_script(opened, "print('mended')")
    expect(opened.locator(".cm-lint-marker-error")).to_have_count(0)


def test_a_rule_is_written_tried_and_saved_by_keyboard_alone(visit):
    opened = visit("script-author", "/scripts/")
    keyboard = opened.keyboard

    def tab_to(selector, *, backwards=False):
        """Go on until the focus is there; a trap is found by never coming to it."""
        for _ in range(150):
            if opened.evaluate("wanted => document.activeElement?.matches(wanted)", selector):
                return
            keyboard.press("Shift+Tab" if backwards else "Tab")
        raise AssertionError(f"{selector} is not reached")

    tab_to("a[href='/scripts/entries/new/']")
    keyboard.press("Enter")
    expect(opened.locator(".cm-content")).to_be_visible()
    tab_to("#description")
    keyboard.type("by keyboard")
    tab_to("[name=c_tag]")
    keyboard.type("Modality")
    tab_to("[name=c_match_expression]")
    keyboard.type("MR")
    tab_to(".cm-content")
    described = opened.locator(f"#{opened.locator('.cm-content').get_attribute('aria-describedby')}")
    expect(described).to_contain_text("Esc and then Tab leaves the editor")
    keyboard.press("Control+a")
    keyboard.press("Delete")
    keyboard.insert_text("print('typed', dataset:Get('Modality'))")
    # Tab indents here; Escape first, and it leads on.
    keyboard.press("Escape")
    keyboard.press("Tab")
    expect(opened.locator(".cm-content")).not_to_be_focused()
    tab_to("#sample-bundled")
    keyboard.type("MR")
    keyboard.press("Enter")
    tab_to("#sample form button:not([type=button])")
    keyboard.press("Enter")
    expect(opened.locator("#sample")).to_contain_text("synthetic MR")
    tab_to("#trial-source")
    keyboard.press("Control+Enter")
    expect(opened.locator("#result")).to_contain_text("typed MR")
    tab_to("#script-form .actions button", backwards=True)
    keyboard.press("Enter")
    expect(opened.locator("#messages")).to_contain_text("“by keyboard” is saved")


def test_without_javascript_an_entry_is_tried_and_saved_all_the_same(visit):
    opened = visit("script-author", "/scripts/entries/new/", script=False)
    opened.get_by_role("button", name="Use this image").click()
    expect(opened.locator("#messages")).to_contain_text("Not taken: choose a file, an item or a synthetic image.")
    opened.get_by_label("or a synthetic image").select_option("MR")
    opened.get_by_role("button", name="Use this image").click()
    opened.get_by_label("Lua").fill("print('plain', dataset:Get('Modality'))")
    opened.get_by_label("Description").fill("plain")
    opened.get_by_role("button", name="Try").click()
    expect(opened.locator("main")).to_contain_text("plain MR")
    opened.go_back()
    opened.get_by_label("Description").fill("plain")
    opened.get_by_role("button", name="Save in the draft").click()
    expect(opened.locator("#messages")).to_contain_text("“plain” is saved")


WITHOUT_A_BREAK = """
from scripts_app.activation import activate, stored_collection
from scripts_app.models import ScriptTest
activate(stored_collection(), 'ann', 'https://tickets.example/' + 'x' * 400)
expected = {'result': 'prepared', 'outputs': []}
ScriptTest.objects.get_or_create(name='n' * 100, defaults={'bundled': 'CT', 'expected': expected})
"""
"""What people write where nobody looks at its length."""


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", SIZES)
def test_every_script_page_is_readable_and_fits(site, visit, size, scheme):
    site.elsewhere(WITHOUT_A_BREAK)
    opened = visit("script-author", "/scripts/", size=size, scheme=scheme)
    for address in (
        "/scripts/",
        "/scripts/entries/1/",
        "/scripts/libraries/new/",
        "/scripts/draft/",
        "/scripts/versions/",
        "/scripts/versions/1/",
        "/scripts/tests/",
        "/scripts/tests/1/",
        "/scripts/samples/",
        "/scripts/rehearsals/",
    ):
        opened.goto(site.url + address)
        assert_readable(opened, address)
