"""Who works by keyboard goes on where the deed was: after it nothing of what was pressed may be left."""

import pytest
from playwright.sync_api import expect

from tests.pages.site import running_site
from tests.pages.six_failures import SIX_FAILURES

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with running_site(tmp_path_factory.mktemp("deeds") / "data") as running:
        yield running


@pytest.fixture(autouse=True)
def six_failures(site):
    site.elsewhere(SIX_FAILURES)


def answer(opened):
    expect(opened.locator("#ask")).to_be_visible()
    opened.locator("#do-it").press("Enter")
    expect(opened.locator("#ask")).to_be_hidden()


def test_after_the_rows_of_a_tab_have_gone_the_focus_is_on_the_next(visit):
    opened = visit("operator", "/queue/?state=Failed")
    opened.locator("#name-4").focus()
    opened.keyboard.press("x")
    opened.keyboard.press("r")
    answer(opened)
    expect(opened.locator("#row-4")).to_have_count(0)
    expect(opened.locator("#row-3")).to_be_focused()


@pytest.mark.parametrize("deed", ["retry", "reject", "delete"])
def test_a_button_that_waits_for_the_next_tick_leaves_the_focus_on_the_buttons_around_it(visit, deed):
    opened = visit("operator", "/queue/?state=Failed")
    opened.locator("#pick-5").press("Space")
    opened.locator(f"#bulk-{deed}").press("Enter")
    answer(opened)
    expect(opened.locator("#row-5")).to_have_count(0)
    expect(opened.locator("#bulk")).to_be_focused()
    opened.keyboard.press("Tab")
    expect(opened.locator("#pick-page")).to_be_focused()


def test_when_all_are_done_the_focus_is_on_the_list_that_says_so(visit):
    opened = visit("operator", "/queue/?state=Failed")
    opened.locator("#retry-all").press("Enter")
    answer(opened)
    expect(opened.locator("#queue")).to_contain_text("Nothing has failed.")
    expect(opened.locator("#queue")).to_be_focused()
    with opened.expect_response("**/queue/?*"):
        opened.evaluate("document.getElementById('queue').dispatchEvent(new CustomEvent('ask-again'))")
    opened.wait_for_load_state("networkidle")
    expect(opened.locator("#queue")).to_be_focused()


def test_undo_leaves_the_focus_on_the_list_that_it_has_put_back(visit):
    opened = visit("operator", "/queue/?state=Failed")
    opened.locator("#name-4").focus()
    opened.keyboard.press("r")
    answer(opened)
    opened.locator("#undo-button").press("Enter")
    expect(opened.locator("#row-4")).to_be_visible()
    expect(opened.locator("#undo-button")).to_have_count(0)
    expect(opened.locator("#queue")).to_be_focused()


def test_a_long_list_can_be_skipped_and_the_place_stays_when_it_is_drawn_anew(site, visit):
    site.elsewhere("from tests.builders import *\nfor n in range(12): node(f'NODE_{n}')")
    opened = visit("operator", "/")
    skip = opened.get_by_role("link", name="Skip the destinations")
    skip.focus()
    expect(skip).to_be_in_viewport()
    skip.press("Enter")
    expect(opened.locator("#newest")).to_be_focused()
    site.elsewhere("from tests.builders import *\nnode('ANOTHER')")
    expect(opened.locator("#situation")).to_contain_text("ANOTHER")
    opened.keyboard.press("Tab")
    expect(opened.locator("#newest a")).to_be_focused()
