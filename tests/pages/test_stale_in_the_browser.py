"""A page that hears nothing says so, looks by itself now and then, and catches up: in Chromium."""

import re

import pytest
from playwright.sync_api import expect

from tests.pages.browser import log_in
from tests.pages.site import running_site

pytestmark = pytest.mark.browser
SOCKET = re.compile("/ws/live/")
ENOUGH = 60_000
"""Milliseconds that a busy machine may need to start a server and to answer a page."""


@pytest.fixture
def site(tmp_path):
    with running_site(tmp_path / "data") as running:
        running.elsewhere("busy_router()")
        yield running


@pytest.fixture
def open_page(site, chromium):
    """A page with a clock that tests can turn, opened as an operator."""
    contexts = []

    def opened(address, before=lambda page: None):
        contexts.append(chromium.new_context(viewport={"width": 1280, "height": 800}))
        page = contexts[-1].new_page()
        page.set_default_timeout(ENOUGH)
        page.clock.install()
        page.goto(f"{site.url}/login/?next={address}")
        before(page)
        log_in(page, "operator")
        page.evaluate("window.sameDocument = true")
        return page

    yield opened
    for context in contexts:
        context.close()


def log(site, message):
    site.elsewhere(
        "ApplicationLogLine.objects.create("
        f"at=timezone.now(), level='INFO', process='', logger='', message={message!r})"
    )


def test_without_a_socket_a_page_looks_every_thirty_seconds_and_says_so(site, open_page):
    page = open_page("/logs/", lambda page: page.route_web_socket(SOCKET, lambda socket: socket.close(code=1011)))
    expect(page.locator("#live")).to_have_text("not connected, looking every 30 s")
    log(site, "nobody told the page")
    expect(page.locator("#log")).not_to_contain_text("nobody told the page")
    page.clock.run_for(31_000)
    expect(page.locator("#log")).to_contain_text("nobody told the page")
    expect(page.locator("#live")).to_have_text("not connected, looking every 30 s")
    assert page.evaluate("window.sameDocument")


def test_a_page_whose_server_died_is_stale_answers_every_press_and_recovers_by_itself(site, open_page):
    page = open_page("/queue/")
    live = page.locator("#live")
    expect(live).to_have_text("live")
    site.die()
    expect(live).to_have_text("not connected, looking every 30 s", timeout=ENOUGH)
    page.clock.run_for(50_000)
    expect(live).to_contain_text("stale, updated")
    expect(live).to_have_attribute("data-live", "stale")
    told = live.inner_text()
    page.clock.run_for(5_000)
    assert live.inner_text() == told, "a screen reader would read it out each second"
    rows = page.locator("#queue tbody tr").count()
    page.locator("#row-200").get_by_role("button").click()
    expect(page.locator("#messages")).to_contain_text("The server cannot be reached.")
    assert page.locator("#queue tbody tr").count() == rows > 5, "what was there can still be read"

    site.elsewhere("QueueItem.objects.filter(pk=200).update(state='Delivered')")
    site.rise()
    for _ in range(10):
        # Between two tries to connect the page waits up to a minute.
        page.clock.run_for(20_000)
        if live.get_attribute("data-live") == "live":
            break
    expect(live).to_have_text("live", timeout=ENOUGH)
    expect(page.locator("#row-200")).to_contain_text("Delivered", timeout=ENOUGH)
    assert page.evaluate("window.sameDocument"), "nobody loaded the page anew"


def posts(route):
    return route.request.method == "POST"


@pytest.mark.parametrize("status", [500, 503])
def test_a_press_that_the_server_broke_over_is_not_said_to_have_changed_nothing(site, open_page, status):
    page = open_page("/queue/")
    page.route("**/*", lambda route: route.fulfill(status=status) if posts(route) else route.fallback())
    page.locator("#row-200").get_by_role("button").click()
    expect(page.locator("#messages")).to_contain_text(f"The server answered {status}. Look again")


def test_a_refresh_waits_while_a_button_is_held_down_so_that_the_press_counts(site, open_page):
    page = open_page("/queue/200/")
    expect(page.locator("#live")).to_have_text("live")
    button = page.get_by_role("button", name="Reject")
    button.hover()
    page.mouse.down()
    with page.expect_response(lambda answer: answer.url.endswith("/queue/200/")):
        site.elsewhere("HistoryEntry.objects.create(item_id=200, at=timezone.now(), event='meanwhile', to_state='New')")
    page.mouse.up()
    expect(page.locator("#messages")).to_contain_text("Item 200 is now Rejected.")
    expect(page.locator(".timeline")).to_contain_text("Meanwhile")
