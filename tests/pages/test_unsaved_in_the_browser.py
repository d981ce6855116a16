"""Text that is written and not saved yet: what the editor shows of it, and what becomes of it when somebody leaves."""

import pytest
from playwright.sync_api import Page, expect

from tests.pages import workshop

pytestmark = pytest.mark.browser
MEANT, site = (*workshop.MEANT, "status of 409"), workshop.site
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
