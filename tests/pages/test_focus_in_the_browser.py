"""Whoever works by keyboard, or hears a page, keeps the place when what is around it is drawn anew."""

import pytest
from playwright.sync_api import expect

from tests.pages.site import running_site

pytestmark = pytest.mark.browser
PLACES = {
    "a count on the dashboard": ("/", "#situation .tile.state-failed"),
    "a destination": ("/", ".card h3 a >> nth=1"),
    "a span of the chart": ("/traffic/", "text=24 hours"),
    "a tab of the queue": ("/queue/", "#queue .tabs >> text=Rejected"),
    "a button of a row": ("/queue/?state=Failed", "#row-200 button"),
    "a part of an item": ("/queue/200/", "#item a >> text=Attempts"),
    "a neighbour of an item": ("/queue/200/", "#related a >> nth=1"),
    "an action on a study": ("/studies/1.2.826.0.1.3680043.8.498.0/", "text=Change destination … >> nth=0"),
    "the second of two equal numbers": ("/nodes/", "#node-2 td a >> nth=1"),
    "a button of a node": ("/nodes/", "#node-1 >> text=Pause"),
    "a sender": ("/senders/", "text=Edit >> nth=1"),
    "a file of a log": ("/logs/", "text=JSON lines"),
}
"""What can have the focus in a part that is drawn anew by itself."""
FOCUSED = "document.activeElement === document.body ? 'nothing' : document.activeElement.id"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with running_site(tmp_path_factory.mktemp("focus") / "data") as running:
        running.elsewhere("busy_router()\nNode.objects.update(host='127.0.0.1', port=9, tls=False)")
        yield running


def draw_anew(page):
    """Refresh all live parts of the page, and wait until they have been drawn."""
    page.evaluate("""() => Promise.all([...document.querySelectorAll('.live-part')].map(({id}) => {
        const drawn = new Promise((go) => document.addEventListener('htmx:afterSettle', ({target}) => {
            if (document.getElementById(id).contains(target)) go();
        }));
        document.getElementById(id).dispatchEvent(new CustomEvent('ask-again'));
        return drawn;
    }))""")


def test_the_focus_stays_when_its_part_is_drawn_anew(site, visit):
    opened = visit("operator")
    for place, (address, selector) in PLACES.items():
        opened.goto(site.url + address)
        opened.wait_for_load_state("networkidle")
        opened.locator(selector).focus()
        before = opened.locator(selector).element_handle()
        draw_anew(opened)
        assert not before.evaluate("element => element.isConnected"), f"{place} has not been drawn anew"
        expect(opened.locator(selector), place).to_be_focused()


def test_a_button_that_its_own_press_took_away_leaves_the_focus_on_its_row(visit):
    opened = visit("operator", "/nodes/")
    button = opened.locator("#node-1").get_by_role("button", name="Pause PACS")
    button.press("Enter")
    expect(opened.locator("#node-1")).to_contain_text("paused")
    assert opened.evaluate(FOCUSED) == "node-1", "Enter would do the next thing, or nothing has the focus"
    draw_anew(opened)
    assert opened.evaluate(FOCUSED) == "node-1"
    opened.keyboard.press("Tab")
    expect(opened.locator("#to-node-1")).to_be_focused()
    opened.locator("#node-1").get_by_role("button", name="Resume PACS").click()


def test_a_row_that_has_gone_leaves_the_focus_on_the_next(site, visit):
    site.elsewhere("from tests.builders import *\nnode('GONE', id=90)\nnode('HERE', id=91)")
    opened = visit("operator", "/nodes/")
    opened.locator("#node-90").get_by_role("button", name="Pause").focus()
    site.elsewhere("Node.objects.filter(pk=90).delete()")
    opened.locator("#node-90").wait_for(state="detached")
    assert opened.evaluate(FOCUSED) == "node-91"


def test_a_button_that_is_out_of_use_while_it_is_answered_has_the_focus_afterwards(visit):
    opened = visit("operator", "/nodes/")
    button = opened.locator("#node-2").get_by_role("button", name="C-ECHO")
    with opened.expect_response("**/echo/"):
        button.press("Enter")
    expect(button).to_be_enabled()
    expect(button).to_be_focused()


def test_a_refresh_that_ends_before_the_answer_to_the_press_does_not_cost_the_focus(visit):
    opened = visit("operator", "/nodes/")
    held = []
    opened.route("**/echo/", lambda route: held.append(route))
    with opened.expect_response("**/nodes/"), opened.expect_request("**/echo/"):
        # At once: a moment later the button, out of use, is not what has the focus any more.
        opened.evaluate("""() => {
            const button = document.querySelector("#node-2 form[action$='/echo/'] button");
            button.focus();
            button.click();
            document.getElementById("nodes").dispatchEvent(new CustomEvent("ask-again"));
        }""")
    held.pop().continue_()
    button = opened.locator("#node-2").get_by_role("button", name="C-ECHO")
    expect(button).to_be_enabled()
    expect(button).to_be_focused()


def test_a_question_that_is_closed_gives_the_focus_back_to_what_was_drawn_anew_behind_it(visit):
    opened = visit("operator", "/nodes/")
    opened.locator("#node-2").get_by_role("button", name="Pause").focus()
    opened.keyboard.press("?")
    draw_anew(opened)
    opened.keyboard.press("Escape")
    expect(opened.locator("#node-2").get_by_role("button", name="Pause")).to_be_focused()
