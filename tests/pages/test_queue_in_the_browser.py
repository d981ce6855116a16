"""The queue in Chromium: ticks, keys, questions, and a list that stays still while somebody reads."""

import re

import pytest
from playwright.sync_api import expect

from tests.pages.browser import assert_readable
from tests.pages.site import running_site
from tests.pages.six_failures import SIX_FAILURES, states, tick

pytestmark = pytest.mark.browser
MEANT = ("400 (Bad Request)",)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with running_site(tmp_path_factory.mktemp("queue") / "data") as running:
        yield running


@pytest.fixture(autouse=True)
def six_failures(site):
    site.elsewhere(SIX_FAILURES)


def test_the_question_can_be_widened_to_the_study_and_to_all_that_match(visit):
    opened = visit("operator", "/queue/?state=Failed")
    tick(opened, 3)
    opened.locator("#bulk-delete").click()
    ask = opened.locator("#ask")
    expect(ask).to_contain_text("Delete 1 item?")
    ask.locator("#scope-study").check()
    expect(ask).to_contain_text("Delete 3 items?")
    ask.locator("#scope-matching").check()
    expect(ask).to_contain_text("Delete 6 items?")
    ask.get_by_text("Cancel").click()
    expect(ask).to_be_hidden()
    assert set(states(opened).values()) == {"Failed"}
    opened.locator("#bulk-delete").click()
    opened.locator("#scope-study").check()
    expect(ask).to_contain_text("Delete 3 items?")
    opened.locator("#do-it").click()
    expect(opened.locator("#messages")).to_contain_text("3 items deleted.")
    assert list(states(opened)) == ["6", "4", "2"]


def test_what_is_refused_for_its_filter_says_so_in_the_question(visit):
    opened = visit("operator", "/queue/?state=Failed")
    opened.locator("#pick-matching").check()
    opened.locator("#bulk-reject").click()
    ask = opened.locator("#ask")
    expect(ask).to_contain_text("Reject 6 items?")
    # As if the right to see patients had gone meanwhile.
    opened.route("**/queue/act/**", lambda going: going.continue_(url=f"{going.request.url}&patient=P"))
    ask.locator("#do-it").click()
    expect(ask.get_by_role("alert")).to_contain_text("Put the filter right first. Patient ID is left out")
    expect(ask.locator("#do-it")).to_be_disabled()
    expect(opened.locator("#messages")).to_be_empty()


def test_another_destination_is_chosen_in_the_question(visit):
    opened = visit("operator", "/queue/")
    tick(opened, 1)
    opened.locator("#bulk-change-destination").click()
    opened.get_by_label("New destination").select_option("OTHER")
    opened.locator("#do-it").click()
    expect(opened.locator("#row-1 .to")).to_have_text("OTHER")
    expect(opened.locator("#row-1 .badge")).to_have_text("Prepared")


def test_a_click_with_shift_ticks_all_rows_in_between_and_one_box_the_page(visit):
    opened = visit("operator", "/queue/")
    opened.locator("#pick-5").click()
    opened.locator("#pick-2").click(modifiers=["Shift"])
    expect(opened.locator("[data-picked]")).to_have_text("4 ticked")
    opened.locator("#pick-page").check()
    expect(opened.locator("[data-picked]")).to_have_text("6 ticked")
    opened.locator("#pick-page").uncheck()
    expect(opened.locator("#bulk-fail")).to_be_disabled()
    opened.locator("#pick-matching").check()
    expect(opened.locator("[data-picked]")).to_have_text("all that match")
    opened.locator("#bulk-reject").click()
    expect(opened.locator("#ask")).to_contain_text("Reject 6 items?")


def test_keys_move_tick_and_ask(visit):
    opened = visit("operator", "/queue/")
    press = opened.keyboard.press
    press("j")
    expect(opened.locator("#name-6")).to_be_focused()
    press("j")
    press("x")
    expect(opened.locator("#pick-5")).to_be_checked()
    opened.locator("#name-5").focus()
    press("k")
    expect(opened.locator("#name-6")).to_be_focused()
    press("r")
    expect(opened.locator("#ask")).to_contain_text("Retry 1 item?")
    expect(opened.locator("#do-it")).to_be_visible()
    press("Escape")
    expect(opened.locator("#ask")).to_be_hidden()
    opened.locator("#name-5").focus()
    press("x")
    opened.locator("#name-4").focus()
    press("f")
    expect(opened.locator("#ask")).to_contain_text("Fail 0 items?")
    expect(opened.locator("#ask")).to_contain_text("Not 1: already Failed.")
    expect(opened.locator("#do-it")).to_be_disabled()
    press("Escape")
    press("?")
    expect(opened.locator("#keys")).to_contain_text("next row")
    press("Escape")
    press("/")
    expect(opened.get_by_role("searchbox")).to_be_focused()
    press("j")
    expect(opened.get_by_role("searchbox")).to_have_value("j")


def test_the_place_in_the_list_outlives_a_question_and_what_is_drawn_anew_behind_it(site, visit):
    opened = visit("operator", "/queue/")
    for key in "jjjjjxf":
        opened.keyboard.press(key)
    ask = opened.locator("#ask")
    expect(ask).to_contain_text("Fail 0 items?")
    site.elsewhere("from tests.builders import *\nqueue_item('Failed', id=7)")
    expect(opened.locator("#show-new")).to_have_text("1 new: show")
    opened.keyboard.press("Escape")
    expect(opened.locator("#name-2")).to_be_focused()
    opened.keyboard.press("r")
    expect(ask).to_contain_text("Retry 1 item?")
    opened.locator("#do-it").press("Enter")
    expect(ask).to_be_hidden()
    expect(opened.locator("#row-2 .badge")).to_have_text("Prepared")
    opened.keyboard.press("j")
    expect(opened.locator("#name-1")).to_be_focused()
    opened.keyboard.press("?")
    site.elsewhere("from tests.builders import *\nqueue_item('Failed', id=8)")
    expect(opened.locator("#show-new")).to_have_text("1 new: show")
    opened.keyboard.press("Escape")
    # The browser tells the page of the closed dialog a moment later, sooner than a person has the next key.
    expect(opened.locator("#name-1")).to_be_focused()
    opened.keyboard.press("k")
    expect(opened.locator("#name-2")).to_be_focused()


def test_the_current_tab_is_in_view_on_a_phone_also_when_it_is_drawn_anew(site, visit):
    opened = visit("viewer", "/queue/?state=Dropped", size="phone")
    assert_readable(opened, "on arrival")
    site.elsewhere("from tests.builders import *\nqueue_item('Dropped', id=7)")
    expect(opened.locator("#row-7")).to_be_visible()
    assert_readable(opened, "after a refresh")


def test_the_list_stays_while_others_change_the_queue(site, visit):
    opened = visit("operator", "/queue/?state=Failed")
    tick(opened, 4)
    opened.locator("#name-4").focus()
    site.elsewhere(
        "from tests.builders import *\n"
        "QueueItem.objects.filter(pk=5).update(state='Delivered')\n"
        "queue_item('Failed', id=7), queue_item('Failed', id=8)\n"
        "HistoryEntry.objects.create(item_id=5, at=timezone.now(), event='delivered', to_state='Delivered')"
    )
    pill = opened.locator("#show-new")
    expect(pill).to_have_text("2 new, 1 no longer here: show", timeout=5000)
    assert states(opened) == {"6": "Failed", "5": "Delivered", **{str(n): "Failed" for n in (4, 3, 2, 1)}}
    expect(opened.locator("#pick-4")).to_be_checked()
    expect(opened.locator("#name-4")).to_be_focused()
    opened.keyboard.press("n")
    expect(pill).to_have_count(0)
    assert list(states(opened)) == ["8", "7", "6", "4", "3", "2", "1"]
    expect(opened.locator("#pick-4")).to_be_checked()


def test_failures_group_and_are_retried_together(site, visit):
    opened = visit("operator", "/queue/")
    opened.get_by_role("link", name="Failures by cause").click()
    line = opened.locator("tr", has_text="cause A of image #")
    expect(line).to_contain_text("4")
    line.get_by_role("link", name=re.compile("Retry all 4")).click()
    expect(opened.locator("main")).to_contain_text("Retry 4 items?")
    opened.locator("#do-it").click()
    expect(opened.locator("#messages")).to_contain_text("4 items retried.")
    opened.goto(f"{site.url}/queue/")
    assert sorted(states(opened).values()) == ["Failed"] * 2 + ["Prepared"] * 4


def test_a_column_orders_the_list_and_filters_stay(site, visit):
    opened = visit("administrator", "/queue/?state=Failed")
    opened.locator("#order-received").click()
    expect(opened).to_have_url(f"{site.url}/queue/?state=Failed&sort=received")
    assert list(states(opened)) == ["1", "2", "3", "4", "5", "6"]
    opened.get_by_text("More filters").click()
    opened.get_by_label("Patient ID").fill("nobody")
    expect(opened.locator("#queue")).to_contain_text("Nothing that is Failed matches the filter")
    expect(opened).to_have_url(f"{site.url}/queue/?state=Failed&sort=received&patient=nobody")


def test_the_export_is_a_file(visit):
    opened = visit("viewer", "/queue/?state=Failed")
    with opened.expect_download() as download:
        opened.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename.endswith(".csv")
    lines = download.value.path().read_text().splitlines()
    assert len(lines) == 7
    assert "TEST^" not in "".join(lines)


def test_a_viewer_reads_with_keys_and_has_nothing_to_tick(visit):
    opened = visit("viewer", "/queue/")
    opened.keyboard.press("j")
    expect(opened.locator("#name-6")).to_be_focused()
    for key in "xrf":
        opened.keyboard.press(key)
    expect(opened.locator("input[type=checkbox]")).to_have_count(0)
    expect(opened.locator("#ask")).to_have_count(0)
    opened.keyboard.press("Enter")
    expect(opened.locator(".verdict")).to_be_visible()


def test_names_that_cannot_be_broken_leave_the_other_columns_their_room(site, visit):
    site.elsewhere(
        "queue_item('Failed', id=95, patient_name='N' * 64, patient_id='I' * 64, prepared_at=timezone.now(),"
        " destination_ae_title='LONG_TERM_STORE', last_error='STORE at 192.0.2.1 port 104: no connection')"
    )
    site.elsewhere("node('LONG', host='.'.join(['h' * 40] * 3))")
    opened = visit("administrator", "/queue/?state=Failed")
    # Asked again where the row is drawn anew meanwhile: what is taken out of the page has no width.
    opened.wait_for_function("document.querySelector('#row-95 .error-line').clientWidth > 180")
    for address in ("/queue/?state=Failed", "/nodes/"):
        opened.goto(site.url + address)
        assert opened.locator(".scroll").evaluate("table => table.scrollWidth - table.clientWidth") == 0, address
