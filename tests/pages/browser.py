"""Chromium for a module of tests, pages opened in it as somebody, and what every page has to keep to."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, expect, sync_playwright

from tests.pages.site import PASSWORD, Site

SIZES = {"wide": (1280, 800), "phone": (390, 844)}
SCHEMES = ("light", "dark")
_PROGRAM = "/usr/bin/chromium"
_CONTRAST = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")
_CLIPPED = """[...document.querySelectorAll('.panel:not(.scroll, .log), .clip')]
    .filter(part => part.scrollWidth > part.clientWidth + 1).map(part => part.textContent.trim().slice(0, 60))"""
_UNNAMED = """[...document.querySelectorAll('input:not([type=hidden]), select, textarea')]
    .filter(field => !field.labels.length && !field.ariaLabel).map(field => field.name)"""
_SQUEEZED = """[...document.querySelectorAll('input[type=checkbox], input[type=radio]')].filter(box => {
    const room = box.getBoundingClientRect();
    return room.height && room.width < room.height - 1;
}).map(box => box.id || box.name)"""
_OUT_OF_VIEW = """[...document.querySelectorAll('nav [aria-current]')].filter(entry => {
    const [place, menu] = [entry, entry.closest('nav')].map(part => part.getBoundingClientRect());
    return place.left < menu.left - 1 || place.right > menu.right + 1;
}).map(entry => entry.textContent)"""

# A busy machine needs longer than the usual five seconds.
expect.set_options(timeout=20_000)


@contextlib.contextmanager
def running_chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_PROGRAM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with running_chromium() as browser:
        yield browser


def listen(page: Page, complaints: list[str]) -> None:
    """Note whatever the browser complains about; questions are answered with yes."""

    def answer(dialog: Dialog) -> None:
        if dialog.type == "alert":
            complaints.append(dialog.message)
        dialog.accept()

    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", answer)


def log_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password)
    # The page that answers counts once its scripts run: what is pressed before is answered as without JavaScript.
    with page.expect_navigation(wait_until="load"):
        page.get_by_role("button", name="Log in").click()


def enter(context: BrowserContext, site: Site, name: str) -> None:
    """Log in as the form does, without drawing its page: a quarter of the time of a visit."""
    address = f"{site.url}/login/"
    context.request.get(address)
    (token,) = (cookie["value"] for cookie in context.cookies() if cookie["name"] == "csrftoken")
    fields = {"username": name, "password": PASSWORD, "csrfmiddlewaretoken": token}
    answer = context.request.post(address, form=fields, max_redirects=0)
    assert answer.status == 302, f"{name} could not log in: {answer.status}"


@pytest.fixture
def visit(request: pytest.FixtureRequest, site: Site, chromium: Browser) -> Iterator[Callable[..., Page]]:
    """
    Open a page as somebody; whatever the browser complains about fails the test.

    ``site`` is the module's own, and so are the complaints that it means to bring about (MEANT).
    """
    contexts, complaints = [], list[str]()

    def open_page(
        role: str, address: str = "/", *, size: str = "wide", scheme: str = "light", script: bool = True
    ) -> Page:
        width, height = SIZES[size]
        viewport = {"width": width, "height": height}
        context = chromium.new_context(viewport=viewport, color_scheme=scheme, java_script_enabled=script)
        contexts.append(context)
        enter(context, site, role)
        page = context.new_page()
        listen(page, complaints)
        page.goto(f"{site.url}{address}")
        if script:
            expect(page.locator("#live")).to_have_text("live")
        # What is pressed before the scripts run is answered as without JavaScript.
        page.wait_for_load_state()
        return page

    yield open_page
    for context in contexts:
        context.close()
    meant = getattr(request.module, "MEANT", ())
    assert [said for said in complaints if not any(words in said for words in meant)] == []


def assert_readable(page: Page, where: str) -> None:
    """
    Nothing scrolls sideways, is cut off or squeezed, all text stands out, and every field has a name.

    Menus are short of room on a phone: they show at least where somebody is.
    """
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{where} scrolls sideways"
    assert page.evaluate(_CONTRAST) == [], where
    assert page.evaluate(_CLIPPED) == [], where
    assert page.evaluate(_UNNAMED) == [], where
    assert page.evaluate(_SQUEEZED) == [], where
    assert page.evaluate(_OUT_OF_VIEW) == [], where
