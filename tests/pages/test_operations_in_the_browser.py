"""Dashboard charts, nodes and logs in Chromium."""

import re

import pytest
from playwright.sync_api import expect

from tests.pages.browser import SCHEMES, SIZES, assert_readable
from tests.pages.site import running_site

pytestmark = pytest.mark.browser
PAGES = {
    "/": "delivered in the last hour",
    "/traffic/?span=7d": "Totals over 7 days",
    "/nodes/1/status/": "What it accepts",
    "/nodes/2/delete/": "cannot be deleted",
    "/nodes/4/delete/": "Nothing waits for it",
    "/nodes/called/?called=DCP_PACS": "It goes to PACS",
    "/logs/": "JSON lines",
    "/logs/audit/": "JSON lines",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with running_site(tmp_path_factory.mktemp("operations") / "data") as running:
        running.elsewhere("busy_router()")
        yield running


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", SIZES)
def test_every_page_is_readable_and_fits(site, visit, size, scheme):
    opened = visit("administrator", size=size, scheme=scheme)
    for address, told in PAGES.items():
        opened.goto(site.url + address)
        expect(opened.locator("main")).to_contain_text(told)
        assert_readable(opened, address)


def test_keys_lead_to_every_page_through_its_rows_and_tell_what_they_do(site, visit):
    opened = visit("viewer", "/nodes/")
    press = opened.keyboard.press
    press("j")
    expect(opened.locator("tbody tr a").first).to_be_focused()
    press("?")
    expect(opened.get_by_role("dialog")).to_contain_text("next row")
    press("j")
    press("Escape")
    expect(opened.locator("#keys")).to_be_hidden()
    for key, address in {"q": "/queue/", "t": "/studies/", "l": "/logs/", "s": "/scripts/", "d": "/"}.items():
        press("g")
        press(key)
        expect(opened).to_have_url(site.url + address)
        expect(opened.locator("#live")).to_have_text("live")
    opened.get_by_role("button", name="Keys ?").click()
    expect(opened.get_by_role("dialog")).to_be_visible()


def test_a_letter_that_is_typed_is_no_key(site, visit):
    opened = visit("viewer", "/queue/")
    opened.get_by_role("searchbox").fill("")
    opened.keyboard.type("gd?")
    expect(opened.get_by_role("searchbox")).to_have_value("gd?")
    expect(opened.locator("#keys")).to_be_hidden()
    assert opened.url.startswith(f"{site.url}/queue/")


def test_another_span_is_drawn_in_place_and_the_tables_stay_open(site, visit):
    opened = visit("viewer")
    opened.evaluate("window.sameDocument = true")
    opened.locator("#traffic-table summary").click()
    opened.get_by_role("link", name="24 hours").click()
    expect(opened.locator("#traffic-table summary")).to_have_text("Totals over 24 hours")
    expect(opened.locator("#traffic rect")).to_have_count(192)
    assert opened.locator("#traffic-table").evaluate("part => part.open")
    assert opened.evaluate("window.sameDocument")


def test_the_chart_names_the_minute_under_the_pointer(visit):
    opened = visit("viewer", "/traffic/")
    first = opened.locator("#traffic rect title").first
    assert re.fullmatch(r"\w+ \d\d:\d\d UTC: received [\d.]+, delivered [\d.]+ a minute", first.text_content())


def test_typing_a_called_ae_title_tells_where_it_leads(visit):
    opened = visit("viewer", "/nodes/")
    opened.get_by_label("Where does an image go that is sent to").fill("archive")
    expect(opened.locator("#called-answer")).to_contain_text("the nearest is ARCHIVE")
    opened.get_by_label("Where does an image go that is sent to").fill("ARCHIVE")
    expect(opened.locator("#called-answer")).to_have_text(re.compile("It goes to PACS"))


def test_an_operator_sets_a_schedule_aside_and_follows_it_again(visit):
    opened = visit("operator", "/nodes/3/status/")
    opened.get_by_label("Send now, outside the schedule, until").fill("03:30")
    opened.get_by_role("button", name="Set schedule aside").click()
    expect(opened.locator("#messages")).to_contain_text("AI_SERVER is sent to until")
    expect(opened.locator("#node")).to_contain_text("set aside, ends in")
    opened.get_by_role("button", name="Follow the schedule again").click()
    expect(opened.locator("#messages")).to_contain_text("AI_SERVER follows its schedule again.")


def test_an_operator_sends_a_test_image_and_sees_its_item(site, visit):
    opened = visit("operator", "/nodes/3/status/")
    opened.get_by_role("button", name="Send a test image").click()
    expect(opened).to_have_url(re.compile(r"/queue/\d+/$"))
    expect(opened.locator("#messages")).to_contain_text("synthetic test image is on its way to AI_SERVER")
    expect(opened.locator(".timeline")).to_contain_text("Test image")


def test_an_operator_asks_a_node_what_it_accepts(site, visit):
    site.elsewhere("Node.objects.filter(pk=4).update(host='127.0.0.1', port=9)")
    opened = visit("operator", "/nodes/4/status/")
    opened.get_by_role("button", name="C-ECHO and ask what it accepts").click()
    expect(opened.locator("#messages")).to_contain_text("OLD_PACS at 127.0.0.1 port 9")


def test_an_administrator_deletes_a_node_that_nothing_waits_for(site, visit):
    site.elsewhere("node('PASSING', host='192.0.2.99')")
    opened = visit("administrator", "/nodes/")
    opened.get_by_role("link", name="PASSING", exact=True).click()
    opened.get_by_role("link", name="Delete…").click()
    opened.get_by_role("button", name="Delete PASSING").click()
    expect(opened.locator("#messages")).to_contain_text("PASSING is deleted")
    expect(opened.locator("#nodes")).not_to_contain_text("PASSING")


def test_a_log_that_is_held_stays_still_says_that_there_is_more_and_catches_up(site, visit):
    def log(text):
        site.elsewhere(
            "ApplicationLogLine.objects.create(at=timezone.now(), level='INFO', process='', logger='', "
            f"message={text!r})"
        )

    opened = visit("viewer", "/logs/")
    log("before the pause")
    expect(opened.locator("#log")).to_contain_text("before the pause")
    opened.get_by_role("button", name="Pause").click()
    log("during the pause")
    button = opened.get_by_role("button", name="Resume: there is more")
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(opened.locator("#log")).not_to_contain_text("during the pause")
    opened.get_by_label("Level, at least").select_option("ERROR")
    expect(opened.locator("#log")).not_to_contain_text("before the pause")
    opened.get_by_label("Level, at least").select_option("")
    button.click()
    expect(opened.locator("#log")).to_contain_text("during the pause")
    expect(opened.get_by_role("button", name="Pause")).to_be_visible()


def test_a_log_is_downloaded_as_it_is_filtered(visit):
    opened = visit("viewer", "/logs/?level=ERROR")
    with opened.expect_download() as downloading:
        opened.get_by_role("link", name="CSV").click()
    text = downloading.value.path().read_text()
    assert "no connection to RESEARCH" in text
    assert "listening" not in text
