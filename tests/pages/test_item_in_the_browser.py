"""The page of one item, and of its study, in Chromium."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.pages.browser import SCHEMES, SIZES, assert_readable
from tests.pages.site import running_site

pytestmark = pytest.mark.browser
STUDY = "1.2.826.0.1.3680043.8.498.77"
STORED = f"""
from tests.pages.stored_image import *
busy_router()
pacs = Node.objects.get(ae_title="PACS")
found = dict(
    node=pacs, study_instance_uid="{STUDY}", sop_instance_uid="1.2.3.77", patient_name="MUSTER^ERIKA",
)
stored_image(
    dict(id=77 << 40, **found), dict(PatientName="ANON^7"),
    NumberOfFrames=3, PixelData=phantom(256, 3).tobytes(), PatientComments="<img src=x onerror=alert(1)>",
)
queue_item("Delivered", id=(77 << 40) + 1, **found)
queue_item("Failed", id=(77 << 40) + 2, prepared_at=timezone.now(), **found)
"""
MEANT = ("htmx:sendAbort", "htmx:afterRequest", "404")
"""A button ends the refresh that would draw over its answer; one item is removed while it is looked at."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with running_site(tmp_path_factory.mktemp("site") / "data") as running:
        running.elsewhere(STORED)
        yield running


ITEM = f"/queue/{77 << 40}/"


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", SIZES)
def test_the_pages_are_readable_and_fit(site, visit, size, scheme):
    opened = visit("administrator", ITEM, size=size, scheme=scheme)
    for address, told in {ITEM: "PatientName", "/studies/": STUDY, f"/studies/{STUDY}/": "lacks"}.items():
        opened.goto(site.url + address)
        if address == ITEM:
            opened.locator("#elements").scroll_into_view_if_needed()
            opened.locator("#picture").scroll_into_view_if_needed()
            expect(opened.locator("img.picture")).to_be_visible()
        expect(opened.locator("main")).to_contain_text(told)
        for part in opened.locator("#element-list details").all():
            part.evaluate("part => { part.open = true }")
        assert_readable(opened, address)


def test_elements_are_read_when_somebody_looks_and_searched_while_they_type(visit):
    opened = visit("administrator", ITEM)
    opened.locator("#elements").scroll_into_view_if_needed()
    listed = opened.locator("#element-list")
    expect(listed).to_contain_text("MUSTER^ERIKA")
    expect(listed).to_contain_text("<img src=x onerror=alert(1)>")
    opened.locator("input[name=find]").fill("PatientName")
    expect(listed).to_contain_text("1 element found")
    expect(listed).not_to_contain_text("SOPClassUID")
    opened.get_by_label("as sent").check()
    expect(listed).to_contain_text("ANON^7")
    opened.locator("input[name=find]").fill("Referenced")
    expect(listed.locator("details[open]").first).to_contain_text("ReferencedSOPClassUID")
    listed.locator("summary").first.click()
    expect(listed.get_by_text("ReferencedSOPClassUID")).to_be_hidden()


def test_what_a_person_types_is_not_lost_when_the_story_refreshes(site, visit):
    opened = visit("administrator", ITEM)
    search = opened.locator("input[name=find]")
    search.click()
    search.press_sequentially("Mod")
    site.elsewhere(
        f"ItemLogLine.objects.create(item_id={77 << 40}, at=timezone.now(), level='info', source='router', text='more')"
    )
    expect(opened.locator("#log-lines")).to_contain_text("more")
    expect(search).to_be_focused()
    expect(search).to_have_value("Mod")
    expect(opened.locator("#element-list")).to_contain_text("Modality")


def test_a_picture_is_drawn_and_its_frames_are_chosen(visit):
    opened = visit("administrator", ITEM)
    opened.locator("#picture").scroll_into_view_if_needed()
    picture = opened.locator("img.picture")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") == 256
    before = picture.get_attribute("src")
    opened.get_by_label("Frame", exact=True).fill("3")
    opened.get_by_label("Frame", exact=True).press("Enter")
    expect(picture).not_to_have_attribute("src", before)
    expect(picture).to_have_attribute("alt", re.compile("Frame 3 of 3"))


def test_the_file_is_downloaded_as_sent(visit):
    opened = visit("administrator", ITEM)
    with opened.expect_download() as started:
        opened.get_by_role("link", name="Download as sent").click()
    content = Path(started.value.path()).read_bytes()
    assert started.value.suggested_filename == f"{77 << 40}-sent.dcm"
    assert b"ANON^7" in content
    assert b"MUSTER" not in content


def test_a_viewer_sees_neither_picture_nor_values_nor_a_way_to_the_file(visit):
    opened = visit("viewer", ITEM)
    opened.locator("#elements").scroll_into_view_if_needed()
    expect(opened.locator("#element-list")).to_contain_text("PatientName")
    expect(opened.locator("#picture")).to_contain_text("your account may not see patient data")
    assert "MUSTER" not in opened.content()
    expect(opened.locator("img")).to_have_count(0)
    expect(opened.get_by_role("link", name="Download")).to_have_count(0)


def test_a_uid_is_copied_by_keyboard_and_said_to_be(visit):
    opened = visit("viewer", ITEM)
    opened.context.grant_permissions(["clipboard-read", "clipboard-write"])
    button = opened.get_by_role("button", name="Copy SOP instance UID")
    button.focus()
    opened.keyboard.press("Enter")
    expect(opened.locator("#said")).to_have_text("SOP instance UID copied")
    assert opened.evaluate("navigator.clipboard.readText()") == "1.2.3.77"
    expect(button).to_be_focused()


def test_without_a_clipboard_of_its_own_the_page_copies_the_old_way(visit):
    opened = visit("viewer", ITEM)
    opened.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined, configurable: true})")
    opened.get_by_role("button", name="Copy study UID").click()
    expect(opened.locator("#said")).to_have_text("study UID copied")


def test_keys_lead_through_the_items_of_the_filter(site, visit):
    opened = visit("viewer", f"/queue/?study={STUDY}")
    opened.locator("tbody a.name").first.click()
    expect(opened).to_have_url(f"{site.url}/queue/{(77 << 40) + 2}/?study={STUDY}")
    for key, item in (("j", (77 << 40) + 1), ("j", 77 << 40), ("k", (77 << 40) + 1)):
        # Before the scripts of a page run, it has no keys.
        expect(opened.locator("#live")).to_have_text("live")
        opened.keyboard.press(key)
        expect(opened).to_have_url(f"{site.url}/queue/{item}/?study={STUDY}")
    opened.get_by_role("link", name="Queue, as filtered").click()
    expect(opened).to_have_url(f"{site.url}/queue/?study={STUDY}")


def test_the_log_follows_its_newest_line_unless_its_reader_has_scrolled_away(site, visit):
    number = 77 << 40
    many = (
        f"ItemLogLine.objects.bulk_create(ItemLogLine(item_id={number}, at=timezone.now(), level='info',"
        " source='router', text=f'line {n}') for n in range(200))"
    )
    site.elsewhere(many)
    opened = visit("administrator", ITEM)
    log = opened.locator("#log-lines")
    at_end = "log => log.scrollHeight - log.scrollTop - log.clientHeight < 4"
    assert log.evaluate(at_end)
    site.elsewhere(many.replace("line {n}", "later {n}").replace("200", "2"))
    expect(log).to_contain_text("later 1")
    assert log.evaluate(at_end)
    log.evaluate("log => { log.scrollTop = 40 }")
    site.elsewhere(many.replace("line {n}", "latest {n}").replace("200", "2"))
    expect(log).to_contain_text("latest 1")
    assert log.evaluate("log => log.scrollTop") == 40


def test_an_item_is_asked_about_moved_and_put_back_on_its_own_page(site, visit):
    address = f"/queue/{(77 << 40) + 2}/?study={STUDY}"
    opened = visit("operator", address)
    opened.get_by_role("link", name="Move …").click()
    question = opened.get_by_role("dialog")
    expect(question).to_contain_text("another destination")
    expect(question.get_by_role("button", name="Failed")).to_be_disabled()
    question.get_by_role("button", name="Rejected").click()
    expect(question.get_by_role("heading")).to_have_text("Reject 1 item?")
    question.get_by_label("Reason, for the history (optional)").fill("wrong patient")
    question.get_by_role("button", name="Reject 1").click()
    expect(opened).to_have_url(site.url + address)
    expect(opened.locator("#messages")).to_contain_text("1 item rejected.")
    expect(opened.locator(".verdict")).to_contain_text("operator rejected it")
    expect(opened.locator(".timeline")).to_contain_text("wrong patient")
    opened.get_by_role("button", name="Undo").click()
    expect(opened).to_have_url(site.url + address)
    expect(opened.locator(".verdict .badges")).to_contain_text("Failed")


def test_a_study_answers_and_an_operator_puts_it_right(site, visit):
    opened = visit("operator", "/studies/")
    opened.get_by_role("link").filter(has_text="•••").first.click()
    expect(opened.get_by_role("heading", level=1)).to_have_text(
        "No: PACS lacks 1 of 3 images (1 failed); 1 more is on the way to PACS."
    )
    opened.get_by_role("link", name="Retry 1 stuck item …").click()
    opened.get_by_role("dialog").get_by_role("button", name="Retry 1").click()
    expect(opened.get_by_role("heading", level=1)).to_have_text("Not yet: 2 of 3 images are on the way to PACS.")
    expect(opened.locator("#messages")).to_contain_text("1 item retried.")
    opened.get_by_role("button", name="Undo").click()
    expect(opened.get_by_role("heading", level=1)).to_contain_text("No: PACS lacks 1 of 3 images")
    opened.evaluate("window.sameDocument = true")
    site.elsewhere(f"QueueItem.objects.filter(study_instance_uid='{STUDY}').update(state='Delivered')")
    expect(opened.get_by_role("heading", level=1)).to_have_text("Yes: all 3 images arrived at PACS.")
    assert opened.evaluate("window.sameDocument")


def test_a_page_says_so_when_what_it_shows_has_been_removed(site, visit):
    number = (77 << 40) + 9
    site.elsewhere(f'queue_item("Delivered", id={number}, node=Node.objects.get(ae_title="PACS"))')
    opened = visit("operator", f"/queue/{number}/")
    site.elsewhere(f"QueueItem.objects.filter(pk={number}).delete()")
    expect(opened.locator("#messages")).to_contain_text("It is no longer here")
