"""Whatever a person presses is carried out, however refreshes and answers happen to fall around it."""

import pytest
from playwright.sync_api import expect

from tests.pages import test_in_the_browser
from tests.pages.site import running_site

pytestmark = pytest.mark.browser
chromium, visit = test_in_the_browser.chromium, test_in_the_browser.visit
"""Fixtures: the browser, and a page opened as somebody."""
PRESSES = {
    "an item": ("/queue/{n}1/", "#do-failed-by-operator", "{n}1 is now Failed."),
    "a row": ("/queue/?state=Failed", "#row-{n}2 button", "{n}2 is now Prepared."),
    "a node": ("/nodes/", "form[action='/nodes/{n}/pause/'] button", "P{n} is paused"),
}
"""Where it is, its button, and what is said once it is done; ``{n}`` numbers the things of one test."""
LIVE_PARTS = ("item", "queue", "nodes")
MARK = "<p id='asked-before'></p>"
WATCH = (
    "new MutationObserver(() => window.drawn ||= Boolean(document.getElementById('asked-before')))"
    ".observe(document.body, {childList: true, subtree: true})"
)


class Refreshes:
    """Keeps the answers to a page's refreshes back until they are let go; those kept back bear a mark."""

    def __init__(self, page):
        self._page, self._held, self._holding = page, [], True
        page.evaluate(WATCH)
        page.route(lambda url: True, self._hold)

    def _hold(self, route):
        request = route.request
        if not self._holding or request.headers.get("hx-trigger") not in LIVE_PARTS:
            route.continue_()
            return
        answer = route.fetch()
        marked = {"response": answer, "body": answer.text() + MARK}
        if self._holding:
            self._held.append((route, marked))
        else:
            route.fulfill(**marked)

    def tick(self, number=1):
        """Say that something changed, as often as ``number``."""
        for _ in range(number):
            self._page.evaluate("document.body.dispatchEvent(new CustomEvent('queue-changed'))")

    def let_go(self):
        """Let the answers come, and wait until the page has asked anew."""
        with self._page.expect_request(lambda request: request.headers.get("hx-trigger") in LIVE_PARTS):
            self.answer()

    def answer(self):
        """Let the answers come; from now on every refresh is answered at once."""
        self._holding = False
        for route, marked in self._held:
            route.fulfill(**marked)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with running_site(tmp_path_factory.mktemp("presses") / "data") as running:
        running.elsewhere(
            "from tests.builders import *\n"
            "for n in range(1, 9):\n"
            "    to = node(f'P{n}', id=n, host='127.0.0.1', port=9)\n"
            "    queue_item('Prepared', id=n * 10 + 1, node=to, prepared_at=timezone.now())\n"
            "    queue_item('Failed', id=n * 10 + 2, node=to, prepared_at=timezone.now())\n"
        )
        yield running


@pytest.mark.parametrize("behind", [0, 2])
@pytest.mark.parametrize("press", PRESSES)
def test_a_press_is_carried_out_whatever_refreshes_are_under_way(visit, press, behind):
    address, button, told = (part.replace("{n}", str(1 + behind)) for part in PRESSES[press])
    opened = visit("operator", address)
    refreshes = Refreshes(opened)
    refreshes.tick(1 + behind)
    with opened.expect_response(lambda answer: answer.request.method == "POST"):
        opened.locator(button).click()
        refreshes.tick(behind)
    expect(opened.locator("#messages")).to_contain_text(told)
    refreshes.let_go()
    expect(opened.locator("#messages")).to_contain_text(told)
    assert not opened.evaluate("window.drawn"), "what was asked for before the press is drawn over its answer"


def test_a_filter_is_followed_whatever_refreshes_are_under_way(visit):
    opened = visit("viewer", "/queue/")
    refreshes = Refreshes(opened)
    refreshes.tick(2)
    opened.get_by_role("searchbox").fill("nobody")
    opened.keyboard.press("Enter")
    refreshes.tick()
    expect(opened.locator("#queue")).to_contain_text("matches the filter")
    refreshes.let_go()
    expect(opened.locator("#queue")).to_contain_text("matches the filter")
    assert not opened.evaluate("window.drawn")


@pytest.mark.parametrize(("press", "release"), [("mouse.down", "mouse.up"), ("keyboard.down", "keyboard.up")])
def test_a_refresh_waits_while_a_button_is_held_down(visit, press, release):
    opened = visit("operator", "/queue/81/" if press == "mouse.down" else "/queue/71/")
    button = opened.locator("#do-failed-by-operator")
    refreshes = Refreshes(opened)
    refreshes.tick()
    button.hover()
    button.focus()
    device, act = press.split(".")
    words = (" ",) if device == "keyboard" else ()
    getattr(getattr(opened, device), act)(*words)
    held = button.element_handle()
    with opened.expect_request_finished():
        refreshes.answer()
    assert held.evaluate("button => button.isConnected")
    getattr(getattr(opened, device), release.split(".")[1])(*words)
    expect(opened.locator("#messages")).to_contain_text("1 is now Failed.")
