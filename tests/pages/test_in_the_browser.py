"""The site as a person meets it: in Chromium, while other processes change the database."""

import re

import pytest
from playwright.sync_api import expect

from tests.pages.browser import SCHEMES, SIZES, assert_readable, log_in
from tests.pages.site import running_site

pytestmark = pytest.mark.browser
PAGES = {
    "/": "RESEARCH",
    "/queue/": "PACS",
    "/queue/ask/?action=delete&scope=matching": "Delete",
    "/failures/": "What went wrong",
    "/queue/200/": "Why it went",
    "/nodes/": "C-ECHO",
    "/nodes/new/": "AE title",
    "/senders/": "CT_1",
    "/scripts/": "Lua entries",
    "/logs/": "listening",
    "/logs/audit/": "olga",
    "/nothing/": "Not here",
    "/password/": "Change password",
}
MEANT = (
    "404 (Not Found)",  # a page that is not there is asked for
)
HARMLESS = ("Filter", "Find", "Search", "copy", "Close", "?")
"""Buttons that only look for something, copy what is shown, or close a list of keys."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with running_site(tmp_path_factory.mktemp("site") / "data") as running:
        running.elsewhere("busy_router()")
        running.elsewhere(
            "from tests.builders import *\n"
            "hostile = '<img src=x onerror=alert(1)>'\n"
            "queue_item('Failed', id=90, patient_name=hostile, last_error=hostile, prepared_at=timezone.now())"
        )
        yield running


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", SIZES)
def test_every_page_is_readable_fits_and_breaks_no_rule(site, visit, size, scheme):
    opened = visit("administrator", size=size, scheme=scheme)
    for address, told in PAGES.items():
        opened.goto(site.url + address)
        expect(opened.locator("main")).to_contain_text(told)
        assert_readable(opened, address)


def test_the_dashboard_tells_of_a_dead_destination_without_a_reload(site, visit):
    opened = visit("viewer")
    opened.evaluate("window.sameDocument = true")
    expect(opened.locator(".problems")).not_to_contain_text("PACS has taken no image")
    site.elsewhere("NodeStatus.objects.filter(node__ae_title='PACS').update(failures_in_a_row=1, last_error='it died')")
    expect(opened.locator(".problems")).to_contain_text("PACS has taken no image since")
    expect(opened.locator(".problems")).to_contain_text("it died")
    site.elsewhere("NodeStatus.objects.filter(node__ae_title='PACS').update(failures_in_a_row=0)")
    expect(opened.locator(".problems")).not_to_contain_text("it died")
    assert opened.evaluate("window.sameDocument")


def test_an_operator_retries_from_the_row_and_the_row_shows_it(site, visit):
    opened = visit("operator", "/queue/")
    row = opened.locator("#row-90")
    row.get_by_role("button", name="Send again").click()
    expect(row).to_contain_text("Prepared")
    expect(opened.locator("#messages")).to_have_text(re.compile("Item 90 is now Prepared."))
    expect(row.get_by_role("button", name="Send again")).to_have_count(0)
    assert opened.url == f"{site.url}/queue/"


def test_an_operator_rejects_on_the_items_page_and_the_timeline_grows(visit):
    opened = visit("operator", "/queue/200/")
    opened.get_by_role("button", name="Reject").click()
    expect(opened.locator(".verdict")).to_contain_text("operator rejected it")
    expect(opened.locator(".timeline li").last).to_contain_text("Rejected by operator Failed → Rejected · operator")
    expect(opened.locator("#messages")).to_contain_text("Item 200 is now Rejected.")
    opened.get_by_role("button", name="Fail").click()
    expect(opened.locator(".verdict")).to_contain_text("operator said that it has failed")


def test_an_operator_retries_all_that_match_after_a_question(visit):
    opened = visit("operator", "/queue/?state=Rejected&destination=PACS")
    opened.get_by_role("link", name="Retry it").click()
    expect(opened.locator("#ask")).to_contain_text("Retry 1 item?")
    opened.locator("#do-it").click()
    expect(opened.locator("#queue")).to_contain_text("Nothing that is Rejected matches the filter.")
    expect(opened.locator("#messages")).to_contain_text("1 item retried.")


def test_a_viewer_has_no_button_but_the_one_to_leave(site, visit):
    opened = visit("viewer", "/queue/200/")
    for address in ("/queue/200/", "/queue/?state=Failed", "/nodes/", "/senders/"):
        opened.goto(site.url + address)
        labels = opened.locator("main button").all_inner_texts()
        assert [label for label in labels if label not in HARMLESS] == []
    opened.locator(".menu summary").click()
    opened.get_by_role("button", name="Log out").click()
    expect(opened.get_by_role("heading")).to_have_text("Log in")


def test_typing_a_filter_narrows_the_list_and_the_address_can_be_shared(site, visit):
    opened = visit("administrator", "/queue/?state=Prepared")
    opened.keyboard.press("/")
    opened.keyboard.type("BEISPIEL")
    expect(opened.locator("tbody tr")).to_have_count(2)
    expect(opened).to_have_url(f"{site.url}/queue/?state=Prepared&q=BEISPIEL")
    opened.reload()
    expect(opened.locator("tbody tr")).to_have_count(2)
    expect(opened.get_by_role("searchbox")).to_have_value("BEISPIEL")
    opened.go_back()
    expect(opened.locator("tbody tr")).not_to_have_count(2)


def test_what_a_person_opened_stays_open_when_the_page_refreshes(site, visit):
    opened = visit("administrator", "/queue/200/")
    opened.locator("#output-2 summary").click()
    site.elsewhere(
        "ItemLogLine.objects.create(item_id=200, at=timezone.now(), level='info', source='router', text='one more')"
    )
    expect(opened.locator(".log")).to_contain_text("one more")
    assert opened.locator("#output-2").evaluate("part => part.open")


def test_the_page_says_when_it_is_not_live_and_catches_up_afterwards(site, visit):
    sockets = []

    def keep(socket):
        sockets.append((socket, socket.connect_to_server()))

    opened = visit("viewer", "/logs/")
    opened.route_web_socket(re.compile("/ws/live/"), keep)
    opened.reload()
    expect(opened.locator("#live")).to_have_text("live")
    opened.route_web_socket(re.compile("/ws/live/"), lambda socket: socket.close())
    for end in sockets[0]:
        end.close(code=1011)
    expect(opened.locator("#live")).to_contain_text("not connected")
    site.elsewhere(
        "ApplicationLogLine.objects.create(at=timezone.now(), level='INFO', process='', logger='', message='meanwhile')"
    )
    expect(opened.locator("#log")).not_to_contain_text("meanwhile")
    opened.route_web_socket(re.compile("/ws/live/"), keep)
    expect(opened.locator("#live")).to_have_text("live", timeout=30000)
    expect(opened.locator("#log")).to_contain_text("meanwhile")


def test_times_are_in_the_browsers_zone_with_the_zone_on_hover(site, chromium):
    context = chromium.new_context(timezone_id="Asia/Tokyo")
    opened = context.new_page()
    opened.goto(f"{site.url}/login/?next=/queue/200/")
    log_in(opened, "viewer")
    shown = opened.locator(".timeline time").first
    expect(shown).to_have_attribute("title", re.compile(r"GMT\+9|JST"))
    hour = int(shown.get_attribute("datetime")[11:13])
    assert shown.inner_text()[11:13] == f"{(hour + 9) % 24:02}"
    context.close()


STORED = """async () => [
    Object.values(localStorage).join() + Object.values(sessionStorage).join(),
    (await indexedDB.databases()).length,
    JSON.stringify(history.state),
]"""


@pytest.mark.fault(125, "an item page, a log-out, the back button; what the browser keeps")
def test_after_the_log_out_nothing_of_a_patient_is_left_in_the_browser(visit, seen):
    patient = "MUSTERMANN"
    page = visit("administrator")
    page.goto(f"{page.url}queue/200/")
    expect(page.locator("main")).to_contain_text(patient)
    page.get_by_role("navigation").get_by_role("link", name="Queue").click()
    expect(page.locator("main")).to_contain_text(patient)
    page.go_back()
    expect(page.locator("main")).to_contain_text(patient)
    stored, databases, state = page.evaluate(STORED)
    assert patient not in stored + state and databases == 0
    page.locator("details.menu summary").click()
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(re.compile("/login/"))
    for _ in range(2):
        page.go_back()
        expect(page.get_by_label("Username")).to_be_visible()
        assert patient not in page.content()
    stored, databases, _ = page.evaluate(STORED)
    assert patient not in stored and databases == 0
    seen("no value in local, session or indexed storage; back leads to the log-in")


@pytest.mark.parametrize("width", [1280, 1024, 390])
def test_a_million_images_stand_in_their_tile_and_card_in_one_line(site, visit, width):
    opened = visit("viewer")
    opened.set_viewport_size({"width": width, "height": 800})
    crowded = opened.evaluate("""() => [...document.querySelectorAll('.tile, .figures > a')].filter((box) => {
        const figure = box.querySelector('.figure');
        figure.classList.add('long');
        figure.textContent = '1\u202f234\u202f567';
        const text = new Range();
        text.selectNodeContents(figure);
        const [drawn, room] = [text, box].map((part) => part.getBoundingClientRect());
        return text.getClientRects().length > 1 || drawn.right > room.right + 1;
    }).map((box) => box.textContent.trim())""")
    assert crowded == []
    assert_readable(opened, f"a dashboard of {width} pixels")
