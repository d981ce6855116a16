"""Scripts of a site with many entries and nodes: their order over pages, and AE titles that are suggested."""

import re

import pytest
from playwright.sync_api import expect

from tests.pages.browser import SIZES, assert_readable
from tests.pages.site import running_site

pytestmark = pytest.mark.browser
MEANT = ("htmx:afterRequest", "htmx:sendAbort")
"""Enter sends the form when the field in it has just sent its own change: the newer question replaces the other."""
_BEGIN = """
from tests.builders import *
for number in range(70): node(f'NODE_{number:02}')
for number in range(1, 111): lua_entry('a()', description=f'entry {number}')
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with running_site(tmp_path_factory.mktemp("site") / "data") as running:
        running.elsewhere(_BEGIN)
        yield running


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("address", ["/scripts/?page=2", "/scripts/?q=entry+11", "/scripts/entries/new/"])
def test_pages_are_readable(visit, address, size):
    assert_readable(visit("script-author", address, size=size), address)


def test_keys_and_a_written_place_move_an_entry_from_page_to_page(site, visit):
    opened = visit("script-author", "/scripts/")
    titles, said = opened.locator(".entries h2"), opened.locator("#scripts [role=status]").last
    opened.get_by_role("button", name="Move entry 50, 50 of 110: ").focus()
    opened.keyboard.press("ArrowDown")
    expect(said).to_have_text("entry 50: 51 of 110")
    expect(opened).to_have_url(f"{site.url}/scripts/?page=2")
    expect(titles.first).to_contain_text("entry 50")
    expect(opened.get_by_role("button", name="Move entry 50, 51 of 110: ")).to_be_focused()
    opened.keyboard.press("ArrowUp")
    expect(said).to_have_text("entry 50: 50 of 110")
    opened.keyboard.press("End")
    expect(said).to_have_text("entry 50: 110 of 110")
    opened.get_by_label("Place of entry 50, 1 to 110").fill("3")
    opened.keyboard.press("Enter")
    expect(said).to_have_text("entry 50: 3 of 110")
    opened.locator(".grip").nth(2).drag_to(opened.locator(".entries > li").nth(0))
    expect(said).to_have_text("entry 50: 1 of 110")


def test_a_search_narrows_while_it_is_written_and_stands_in_the_address(visit):
    opened = visit("script-author", "/scripts/")
    opened.keyboard.press("/")
    opened.keyboard.type("entry 77")
    expect(opened.locator(".entries > li")).to_have_count(1)
    expect(opened).to_have_url(re.compile(r"/scripts/\?q=entry(\+|%20)77$"))
    expect(opened.locator("input[type=search]")).to_be_focused()
    opened.get_by_label("Which entries meet").fill("DCP_NODE_0")
    expect(opened.locator("#called-known option").first).to_have_attribute("value", "DCP_NODE_00")
    opened.get_by_label("Which entries meet").fill("DCP_NODE_07")
    opened.keyboard.press("Enter")
    expect(opened).to_have_url(re.compile(r"/scripts/\?q=entry(\+|%20)77&called=DCP_NODE_07$"))
    opened.reload()
    expect(opened.locator(".entries > li")).to_have_count(1)
    expect(opened.get_by_label("Which entries meet")).to_have_value("DCP_NODE_07")


def test_destinations_of_an_entry_are_added_by_keyboard(visit):
    opened = visit("script-author", "/scripts/entries/new/")
    field = opened.get_by_label("Another AE title")
    field.fill("node_1")
    expect(opened.locator("#another-title-known option").first).to_have_attribute("value", "NODE_10")
    field.fill("NODE-17")
    opened.keyboard.press("Tab")
    opened.keyboard.press("Enter")
    expect(opened.get_by_role("alert")).to_contain_text("'NODE-17' is no Storage node; did you mean 'NODE_17'?")
    expect(field).to_be_focused()
    for title in ("NODE_17", "NODE_18"):
        field.fill(title)
        opened.keyboard.press("Tab")
        opened.keyboard.press("Enter")
        expect(opened.get_by_label(title, exact=True)).to_be_checked()
        expect(field).to_be_focused()
    opened.get_by_label("NODE_17", exact=True).uncheck()
    opened.get_by_role("button", name="Save in the draft").click()
    expect(opened.get_by_label("NODE_18", exact=True)).to_be_checked()
    expect(opened.get_by_label("NODE_17", exact=True)).to_have_count(0)


def test_all_of_it_is_done_without_javascript_too(site, visit):
    opened = visit("script-author", "/scripts/?page=2", script=False)
    opened.get_by_role("button", name="Move entry 60 up").click()
    expect(opened.locator(".entries h2").nth(8)).to_contain_text("entry 60")
    place = opened.get_by_label("Place of entry 60, 1 to ")
    place.fill("2")
    place.press("Enter")
    expect(opened.locator(".entries h2").nth(1)).to_contain_text("entry 60")
    opened.goto(f"{site.url}/scripts/entries/new/")
    opened.get_by_label("Lua").fill("print(1)")
    opened.get_by_label("Another AE title").fill("NODE_20")
    opened.get_by_role("button", name="Save in the draft").click()
    expect(opened.get_by_label("NODE_20", exact=True)).to_be_checked()
