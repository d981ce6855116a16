"""Whatever a person presses is carried out, however refreshes and answers happen to fall around it."""

import pytest
from playwright.sync_api import expect

from tests.pages.site import running_site

pytestmark = pytest.mark.browser
PRESSES = {
    "an item": ("/queue/{n}1/", "#do-failed-by-operator", "{n}1 is now Failed."),
    "a row": ("/queue/?state=Failed", "#row-{n}2 button", "{n}2 is now Prepared."),
    "a node": ("/nodes/", "form[action='/nodes/{n}/pause/'] button", "P{n} is paused"),
}
"""Where it is, its button, and what is said once it is done; ``{n}`` numbers the things of one test."""
LIVE_PARTS = ("item", "queue", "nodes")
MARK = "<p id='asked-before'></p>"
WATCH = """() => {
  const told = document.documentElement.dataset;
  document.addEventListener("htmx:afterRequest", ({detail}) => {
    if (detail.elt.matches(".live-part")) told.refreshed = "yes";
  });
  new MutationObserver(() => {
    if (document.getElementById("asked-before")) told.drawn = "yes";
  }).observe(document.body, {childList: true, subtree: true});
}"""


class Refreshes:
    """Keeps the answer to one refresh back until it is let go, and marks it; those that follow are answered at once."""

    def __init__(self, page):
        self._page, self._held, self._marked, self._answer_at_once = page, None, {}, False
        self._begun = False
        page.evaluate(WATCH)

    def _hold(self, route):
        if self._held or not is_refresh(route.request):
            route.continue_()
            return
        self._held = route
        answer = route.fetch()
        self._marked = {"response": answer, "body": answer.text() + MARK}
        if self._answer_at_once:
            route.fulfill(**self._marked)

    def tick(self, number=1):
        """Say that something changed, as often as ``number``; after the first time a refresh is under way."""
        change = "document.body.dispatchEvent(new CustomEvent('queue-changed'))"
        if not self._begun:
            # One of the page's own may have to come to its end before, and one that comes by itself will do as well.
            with self._page.expect_request(is_refresh):
                self._page.route(lambda url: True, self._hold)
                self._page.evaluate(change)
            self._begun = True
            number -= 1
        for _ in range(number):
            self._page.evaluate(change)

    def let_go(self):
        """Let the answer come, and wait until the page has asked anew."""
        with self._page.expect_request(is_refresh):
            self.answer()

    def answer(self):
        self._answer_at_once = True
        if self._marked:
            self._held.fulfill(**self._marked)


def is_refresh(request):
    return request.headers.get("hx-trigger") in LIVE_PARTS


def drawn(page):
    """Whether anything that was kept back has been drawn."""
    return page.evaluate("'drawn' in document.documentElement.dataset")


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
    assert not drawn(opened), "what was asked for before the press is drawn over its answer"


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
    assert not drawn(opened)


@pytest.mark.parametrize("device", ["mouse", "keyboard"])
def test_a_refresh_waits_while_a_button_is_held_down(visit, device):
    opened = visit("operator", "/queue/81/" if device == "mouse" else "/queue/71/")
    button, words = opened.locator("#do-failed-by-operator"), () if device == "mouse" else (" ",)
    button.hover()
    button.focus()
    refreshes = Refreshes(opened)
    refreshes.tick()
    getattr(opened, device).down(*words)
    held = button.element_handle()
    refreshes.answer()
    expect(opened.locator("html")).to_have_attribute("data-refreshed", "yes")
    assert held.evaluate("button => button.isConnected")
    getattr(opened, device).up(*words)
    expect(opened.locator("#messages")).to_contain_text("1 is now Failed.")
    assert not drawn(opened)


def test_the_menu_of_the_right_button_holds_up_nothing(visit):
    opened = visit("operator", "/nodes/")
    opened.locator("h1").first.hover()
    opened.mouse.down(button="right")
    refreshes = Refreshes(opened)
    refreshes.tick()
    refreshes.answer()
    expect(opened.locator("html")).to_have_attribute("data-drawn", "yes")


def test_a_release_that_the_page_never_heard_of_is_seen_by_the_next_move(visit):
    opened = visit("operator", "/queue/61/")
    opened.evaluate("document.dispatchEvent(new PointerEvent('pointerdown', {button: 0, bubbles: true}))")
    refreshes = Refreshes(opened)
    refreshes.tick()
    refreshes.answer()
    expect(opened.locator("html")).to_have_attribute("data-refreshed", "yes")
    assert not drawn(opened)
    with opened.expect_request(is_refresh):
        opened.mouse.move(300, 300)


def test_a_question_is_answered_for_what_it_says(visit):
    """While another scope is asked about the button waits, so that nothing is done under the old number."""
    opened = visit("operator", "/queue/?state=Failed")
    opened.locator("#pick-52").check()
    opened.locator("#bulk-retry").click()
    expect(opened.locator("#do-it")).to_have_text("Retry 1")
    kept, answer_at_once = [], []
    opened.route("**/queue/ask/**", lambda route: route.continue_() if answer_at_once else kept.append(route))
    opened.locator("#scope-study").check()
    expect(opened.locator("#do-it")).to_be_disabled()
    answer_at_once.append(True)
    for route in kept:
        route.continue_()
    expect(opened.locator("#do-it")).to_be_enabled()
    expect(opened.locator("#do-it")).not_to_have_text("Retry 1")
