"""Text that is written and not saved yet: what the editor shows of it, and what becomes of it when somebody leaves."""

import pytest
from playwright.sync_api import Page, expect

from tests.pages import workshop
from tests.pages.browser import log_in

pytestmark = pytest.mark.browser
MEANT, site = (*workshop.MEANT, "status of 409", "status of 401", "Error Code 401"), workshop.site
ENTRY = "/scripts/entries/1/"


@pytest.fixture(autouse=True)
def no_draft(site):
    yield
    site.elsewhere("from scripts_app.models import ScriptDraft\nScriptDraft.objects.all().delete()")


def typed(opened: Page, text: str) -> None:
    """At the end of what stands there."""
    opened.locator(".cm-content").click()
    opened.keyboard.press("Control+End")
    opened.keyboard.insert_text(f"\n{text}")


def there_and_back(opened: Page) -> None:
    opened.get_by_role("link", name="Queue").click()
    expect(opened.locator("#queue")).to_be_visible()
    opened.go_back()
    expect(opened.locator(".cm-content")).to_be_visible()


def test_after_back_the_editor_shows_what_would_be_saved(visit):
    opened = visit("script-author", ENTRY)
    typed(opened, "print('typed and left')")
    there_and_back(opened)
    expect(opened.locator(".cm-content")).to_contain_text("typed and left")
    typed(opened, "print('typed later')")
    opened.get_by_role("button", name="Save in the draft").click()
    expect(opened.locator("#messages")).to_contain_text("is saved")
    expect(opened.locator(".cm-content")).to_contain_text("typed and left")
    expect(opened.locator(".cm-content")).to_contain_text("typed later")


def test_after_back_the_script_is_shown_or_hidden_as_the_entry_would_be_saved(site, visit):
    site.elsewhere("from scripts_app.models import LuaLibrary\nLuaLibrary.objects.create(path='a.lua', source='x = 1')")
    opened = visit("script-author", "/scripts/entries/new/")
    opened.get_by_label("Script", exact=True).select_option("a.lua")
    there = opened.locator(".cm-content")
    expect(there).to_be_hidden()
    opened.get_by_role("link", name="Queue").click()
    opened.go_back()
    expect(opened.get_by_label("Script", exact=True)).to_have_value("a.lua")
    expect(there).to_be_hidden()


def test_what_somebody_else_has_saved_meanwhile_is_not_overwritten_by_text_that_came_back(site, visit):
    opened = visit("script-author", ENTRY)
    typed(opened, "print('mine')")
    opened.get_by_role("link", name="Queue").click()
    expect(opened.locator("#queue")).to_be_visible()
    site.elsewhere(
        "from scripts_app.draft import change\n"
        "change('other', lambda content: content['entries'][0].update(script=\"print('theirs')\"))"
    )
    opened.go_back()
    expect(opened.locator(".cm-content")).to_contain_text("mine")
    opened.get_by_role("button", name="Save in the draft").click()
    expect(opened.locator("main")).to_contain_text("Not saved yet: somebody else has changed this meanwhile")
    expect(opened.locator(".cm-content")).to_contain_text("mine")


def test_a_new_entry_that_is_saved_again_after_back_stays_one(visit):
    opened = visit("script-author", "/scripts/entries/new/")
    opened.get_by_label("Description").fill("only once")
    typed(opened, "print('one')")
    opened.get_by_role("button", name="Save in the draft").click()
    expect(opened.locator("#messages")).to_contain_text("is saved")
    opened.go_back()
    expect(opened.get_by_label("Description")).to_have_value("only once")
    typed(opened, "print('two')")
    opened.get_by_role("button", name="Save in the draft").click()
    expect(opened.locator("main")).to_contain_text("Not saved yet")
    opened.get_by_role("button", name="Save in the draft").click()
    expect(opened.locator("#messages")).to_contain_text("is saved")
    opened.get_by_role("link", name="Scripts").first.click()
    expect(opened.get_by_role("link", name="only once")).to_have_count(1)


def test_a_text_that_begins_with_empty_lines_keeps_them(site, visit):
    site.elsewhere(
        "from scripts_app.models import LuaLibrary\nLuaLibrary.objects.create(path='b.lua', source='\\n\\nx = 1')"
    )
    opened = visit("script-author", "/scripts/libraries/file/b.lua")
    assert opened.locator("#source").input_value() == "\n\nx = 1"
    opened.get_by_role("button", name="Save in the draft").click()
    expect(opened.locator("#messages")).to_contain_text("is saved")
    expect(opened.locator(".draft-line")).to_have_count(0)


def dialogs(opened: Page) -> list[str]:
    """The questions that the browser asks from now on; they are answered with yes."""
    asked: list[str] = []
    opened.on("dialog", lambda dialog: asked.append(dialog.type))
    return asked


@pytest.mark.parametrize("address", [ENTRY, "/scripts/entries/new/", "/scripts/libraries/new/"])
def test_leaving_with_unsaved_text_asks(visit, address):
    opened = visit("script-author", address)
    asked = dialogs(opened)
    typed(opened, "print('not saved')")
    opened.reload()
    assert asked == ["beforeunload"]
    typed(opened, "print('not saved either')")
    opened.get_by_role("link", name="Queue").click()
    expect(opened.locator("#queue")).to_be_visible()
    assert asked == ["beforeunload"] * 2


def test_text_that_was_refused_is_unsaved(visit):
    opened = visit("script-author", ENTRY)
    asked = dialogs(opened)
    opened.get_by_label("Tag").first.fill("Modalty")
    opened.get_by_role("button", name="Save in the draft").click()
    expect(opened.get_by_role("alert").first).to_contain_text("Nothing was saved")
    opened.locator(".cm-content").click()
    opened.get_by_role("link", name="Queue").click()
    expect(opened.locator("#queue")).to_be_visible()
    assert asked == ["beforeunload"]


def test_nobody_is_asked_who_has_changed_nothing_or_saves(visit):
    opened = visit("script-author", ENTRY)
    asked = dialogs(opened)
    opened.locator(".cm-content").click()
    opened.get_by_label("From", exact=True).fill("CT1")
    opened.reload()
    typed(opened, "print('saved')")
    opened.get_by_role("button", name="Save in the draft").click()
    expect(opened.locator("#messages")).to_contain_text("is saved")
    opened.locator(".cm-content").click()
    opened.get_by_role("link", name="Queue").click()
    expect(opened.locator("#queue")).to_be_visible()
    assert asked == []


NO_SESSION = "from django.contrib.sessions.models import Session\nSession.objects.all().delete()"


def test_a_save_and_a_dry_run_without_session_say_so_and_the_text_stays_until_somebody_has_logged_in_again(site, visit):
    opened = visit("script-author", ENTRY)
    typed(opened, "print('long work')")
    site.elsewhere(NO_SESSION)
    said = opened.locator("#messages")
    opened.get_by_role("button", name="Save in the draft").click()
    expect(said).to_contain_text("Your session has ended, so nothing was done.")
    expect(said).to_be_in_viewport()
    opened.locator(".cm-content").click()
    opened.keyboard.press("Control+Enter")
    expect(said).to_contain_text("Your session has ended, so nothing was done.")
    expect(opened.locator(".cm-content")).to_contain_text("long work")
    other = opened.context.new_page()
    other.goto(f"{site.url}/login/")
    log_in(other, "script-author")
    expect(other.locator("#live")).to_have_text("live")
    opened.keyboard.press("Control+Enter")
    expect(opened.locator("#result")).to_contain_text("choose an image first")
    expect(said).not_to_contain_text("session")
    opened.get_by_role("button", name="Save in the draft").click()
    expect(said).to_contain_text("is saved")
    expect(opened.locator(".cm-content")).to_contain_text("long work")


def test_a_press_on_a_live_page_without_session_leads_to_the_log_in_which_says_that_nothing_was_done(visit):
    opened = visit("operator", "/nodes/")
    opened.context.clear_cookies(name="sessionid")
    opened.get_by_role("button", name="Pause").first.click()
    expect(opened.get_by_label("Username")).to_be_visible()
    said = opened.locator("#messages")
    expect(said).to_contain_text("nothing was done")
    log_in(opened, "operator")
    expect(opened.get_by_role("button", name="Pause").first).to_be_visible()
    expect(said).to_be_empty()


def test_a_live_page_whose_session_ends_while_nobody_presses_leads_to_a_log_in_that_tells_of_no_press(visit):
    opened = visit("operator", "/nodes/")
    opened.context.clear_cookies(name="sessionid")
    opened.evaluate("document.body.dispatchEvent(new CustomEvent('queue-changed'))")
    expect(opened.get_by_label("Username")).to_be_visible()
    expect(opened.locator("#messages")).to_be_empty()


def test_without_javascript_the_log_in_tells_that_what_was_sent_was_not_taken(site, visit):
    opened = visit("script-author", ENTRY, script=False)
    opened.get_by_label("Lua").fill("print('plain work')")
    site.elsewhere(NO_SESSION)
    opened.get_by_role("button", name="Save in the draft").click()
    expect(opened.locator("#messages")).to_contain_text("what you sent was not taken")
    log_in(opened, "script-author")
    expect(opened.get_by_label("Lua")).to_be_visible()
    opened.go_back()
    opened.go_back()
    expect(opened.get_by_label("Lua")).to_have_value("print('plain work')")
