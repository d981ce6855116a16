"""Logging in and out, a forgotten and a changed password, as a person meets them in Chromium."""

import re

import pytest
from playwright.sync_api import expect

from tests.pages.site import PASSWORD, running_site

pytestmark = pytest.mark.browser
NEW = "another synthetic phrase"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with running_site(tmp_path_factory.mktemp("account") / "data") as running:
        running.elsewhere("busy_router()")
        yield running


@pytest.fixture
def window(site, chromium):
    """A browser of its own for each call; what it complains about fails the test."""
    contexts, complaints = [], []

    def opened(address="/"):
        contexts.append(chromium.new_context(viewport={"width": 390, "height": 844}))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(site.url + address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def log_in(page, name, password=PASSWORD):
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password)
    page.keyboard.press("Enter")


def use_menu(page, role, name):
    page.locator(".menu summary").click()
    page.get_by_role(role, name=name).click()


def test_whoever_follows_a_link_logs_in_and_is_there(site, window):
    page = window("/queue/?state=Failed")
    expect(page).to_have_title(re.compile("Log in"))
    expect(page.locator("nav")).to_have_count(0)
    log_in(page, "viewer", "wrong")
    expect(page.get_by_role("alert")).to_contain_text("correct username and password")
    expect(page.get_by_label("Username")).to_have_value("viewer")
    log_in(page, "viewer")
    expect(page).to_have_url(f"{site.url}/queue/?state=Failed")
    expect(page.locator("#live")).to_have_text("live")


def test_a_changed_password_ends_the_other_sessions_and_the_old_one_is_refused(site, window):
    page, other = window("/password/"), window("/queue/")
    for each in (page, other):
        log_in(each, "operator")
        expect(each.locator("#live")).to_have_text("live")
    fields = [page.get_by_label(name, exact=True) for name in ("Old password", "New password")]
    again = page.get_by_label(re.compile("New password confirmation"))
    change = page.get_by_role("button", name="Change password")

    def ask(old, new, repeated):
        for field, value in zip((*fields, again), (old, new, repeated), strict=True):
            field.fill(value)
        change.click()

    ask("wrong", NEW, NEW)
    expect(page.locator("main")).to_contain_text("old password was entered incorrectly")
    ask(PASSWORD, "12345678", "12345678")
    expect(page.locator("main")).to_contain_text("too common")
    ask(PASSWORD, NEW, f"{NEW}?")
    expect(page.locator("main")).to_contain_text("match")
    ask(PASSWORD, NEW, NEW)
    expect(page.locator("#messages")).to_contain_text("Your password has been changed.")
    expect(page.locator("#live")).to_have_text("live")

    # The next thing that changes makes the other window ask, and it is sent to the log-in and back.
    site.elsewhere("HistoryEntry.objects.create(item_id=200, at=timezone.now(), event='x', to_state='Failed')")
    expect(other).to_have_title(re.compile("Log in"), timeout=30_000)
    log_in(other, "operator")
    expect(other.get_by_role("alert")).to_contain_text("correct username and password")
    log_in(other, "operator", NEW)
    expect(other).to_have_url(f"{site.url}/queue/")


def test_five_wrong_passwords_lock_this_person_out_and_nobody_else(window):
    page = window("/login/")
    for _ in range(5):
        log_in(page, "script-author", "guessed")
        expect(page.locator("main h1")).to_be_visible()
    expect(page.locator("main")).to_contain_text("Too many attempts")
    expect(page.locator("main")).to_contain_text("locked for your address for 15 min, counted")
    page.get_by_role("link", name="Back to the log-in").click()
    log_in(page, "script-author")
    expect(page.locator("main")).to_contain_text("Too many attempts")
    page.get_by_role("link", name="Back to the log-in").click()
    log_in(page, "viewer")
    expect(page.locator("#live")).to_have_text("live")


def test_who_logs_out_sees_nothing_more_not_even_by_going_back(site, window):
    page = window("/queue/200/")
    log_in(page, "administrator")
    expect(page.locator("h1")).to_contain_text("MUSTERMANN")
    use_menu(page, "button", "Log out")
    expect(page).to_have_title(re.compile("Log in"))
    page.go_back()
    expect(page).to_have_title(re.compile("Log in"))
    assert "MUSTERMANN" not in page.content()
