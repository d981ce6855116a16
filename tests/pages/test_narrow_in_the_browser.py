"""Pages with little room: long words, a phone, and the same widths by a zoom of 200 %."""

from itertools import product

import pytest
from playwright.sync_api import expect

from tests.pages.browser import SCHEMES, SIZES, assert_readable
from tests.pages.site import running_site

pytestmark = pytest.mark.browser
ZOOMED = {"width": 640, "height": 400}
"""The room of a screen of 1280 by 800 at 200 %."""
UNBROKEN = ("/queue/200/", "/senders/", "/scripts/rehearsals/1/", "/scripts/rehearsals/1/item/200/")
TOO_WIDE = """[...document.querySelectorAll('main h1, main table:not(.beside)')].filter(
    (part) => part.getBoundingClientRect().right > part.parentElement.getBoundingClientRect().right + 1
).map((part) => part.textContent.trim().slice(0, 40))"""
OFF_CENTRE = """[...document.querySelectorAll('main .button.small')].filter((button) => {
    const words = document.createRange(), box = button.getBoundingClientRect();
    words.selectNodeContents(button.firstChild);
    const inside = words.getBoundingClientRect();
    return box.height && Math.abs((inside.top - box.top) - (box.bottom - inside.bottom)) > 3;
}).map((button) => button.textContent)"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with running_site(tmp_path_factory.mktemp("narrow") / "data") as running:
        running.elsewhere("from tests.pages.rehearsed import *\nbusy_router('W' * 200)\nrehearsed('W' * 200)")
        yield running


@pytest.mark.parametrize("size", SIZES)
def test_what_has_no_blank_to_break_at_is_broken(site, visit, size):
    opened = visit("administrator", size=size)
    for address in UNBROKEN:
        opened.goto(site.url + address)
        assert_readable(opened, address)
        assert opened.evaluate(TOO_WIDE) == [], address


@pytest.mark.parametrize("size", SIZES)
def test_whoever_is_unknown_can_be_allowed_however_long_title_and_address_are(site, visit, size):
    assert_readable(visit("administrator", size=size), "/")


def test_the_list_of_keys_names_them_also_where_a_page_is_enlarged(visit):
    opened = visit("viewer", "/queue/")
    opened.set_viewport_size(ZOOMED)
    opened.keyboard.press("?")
    for key in opened.locator("#keys kbd").all():
        expect(key).to_be_visible()


def test_the_keys_of_the_editor_are_named_where_a_page_is_enlarged(visit):
    opened = visit("administrator", "/scripts/entries/1/")
    opened.set_viewport_size(ZOOMED)
    expect(opened.locator("#editor-keys kbd").first).to_be_visible()


def test_escape_closes_the_menu_and_gives_the_focus_back(visit):
    opened = visit("viewer", "/")
    summary = opened.locator(".menu summary")
    summary.press("Enter")
    opened.keyboard.press("Tab")
    expect(opened.get_by_role("link", name="Change password")).to_be_focused()
    opened.keyboard.press("Escape")
    expect(opened.get_by_role("link", name="Change password")).to_be_hidden()
    expect(summary).to_be_focused()


def test_without_javascript_nothing_is_offered_that_needs_it(site, visit):
    opened = visit("administrator", "/queue/", script=False)
    expect(opened.get_by_label("Page")).to_be_hidden()
    expect(opened.get_by_label("All 20 that match")).to_be_visible()
    for address, needs in {
        "/": "Keys",
        "/queue/200/": "copy",
        "/logs/": "Pause",
        "/scripts/entries/1/": "Remove",
    }.items():
        opened.goto(site.url + address)
        expect(opened.locator("#live")).to_be_hidden()
        expect(opened.locator(f"button:has-text('{needs}')").first, address).to_be_hidden()


@pytest.mark.parametrize("size", SIZES)
def test_with_hundreds_of_nodes_the_script_of_an_entry_is_near_and_its_destinations_stand_first(site, visit, size):
    site.elsewhere(
        "Node.objects.bulk_create([Node(ae_title=f'FAR_{n:03}', host='h', port=1) for n in range(300)], "
        "ignore_conflicts=True)\nLuaEntry.objects.filter(pk=1).update(ae_titles=['PACS'])"
    )
    opened = visit("administrator", "/scripts/entries/new/", size=size)
    assert opened.locator(".cm-content").bounding_box()["y"] < 1200
    opened.goto(f"{site.url}/scripts/entries/1/")
    first = opened.locator("[name=ae_titles]").first
    expect(first).to_have_value("PACS")
    expect(first).to_be_checked()


def test_on_a_phone_the_words_of_links_stand_as_high_as_those_of_the_buttons_beside_them(site, visit):
    opened = visit("administrator", "/scripts/", size="phone")
    for address in ("/scripts/", "/senders/", "/failures/"):
        opened.goto(site.url + address)
        assert opened.evaluate(OFF_CENTRE) == [], address


def test_what_waits_in_two_states_for_a_failing_and_a_paused_node_is_readable(site, visit):
    site.elsewhere(
        "from tests.builders import queue_item\nfor title in ('RESEARCH', 'AI_SERVER'): "
        "queue_item('New', node=Node.objects.get(ae_title=title))"
    )
    for size, scheme in product(SIZES, SCHEMES):
        opened = visit("administrator", size=size, scheme=scheme)
        expect(opened.locator("div.problem a.nowrap")).to_have_count(4)
        assert_readable(opened, f"{size}, {scheme}")
