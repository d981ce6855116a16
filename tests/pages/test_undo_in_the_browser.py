"""Undo in Chromium: what was done to items is put back exactly, as long as it is offered."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.pages.site import running_site
from tests.pages.six_failures import SIX_FAILURES, states, tick
from tests.read_only import rows_of

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with running_site(tmp_path_factory.mktemp("undo") / "data") as running:
        yield running


@pytest.fixture(autouse=True)
def six_failures(site):
    site.elsewhere(SIX_FAILURES)


def test_ticked_items_fail_after_a_question_and_undo_puts_them_back(site, visit):
    opened = visit("operator", "/queue/")
    expect(opened.locator("#bulk-reject")).to_be_disabled()
    tick(opened, 2, 4)
    expect(opened.locator("[data-picked]")).to_have_text("2 ticked")
    opened.locator("#bulk-reject").click()
    ask = opened.locator("#ask")
    expect(ask).to_contain_text("Reject 2 items?")
    expect(ask.locator(".sample li")).to_have_count(2)
    ask.get_by_label("Reason").fill("wrong patient")
    ask.locator("#do-it").click()
    expect(ask).to_be_hidden()
    expect(opened.locator("#messages")).to_contain_text("2 items rejected.")
    assert states(opened) == {
        "6": "Failed",
        "5": "Failed",
        "4": "Rejected",
        "3": "Failed",
        "2": "Rejected",
        "1": "Failed",
    }
    expect(opened.locator("[data-picked]")).not_to_contain_text("ticked")
    opened.locator("#undo-button").click()
    expect(opened.locator("#messages")).to_contain_text("Undone: 2 items put back as before.")
    expect(opened.locator("#undo-button")).to_have_count(0)
    assert set(states(opened).values()) == {"Failed"}
    opened.goto(f"{site.url}/queue/2/")
    expect(opened.locator(".timeline")).to_contain_text("wrong patient")
    expect(opened.locator(".timeline")).to_contain_text("Undone")


def test_a_row_is_retried_and_that_can_be_undone(visit):
    opened = visit("operator", "/queue/")
    opened.locator("#row-3").get_by_role("button").click()
    expect(opened.locator("#row-3")).to_contain_text("Prepared")
    opened.locator("#undo-button").click()
    expect(opened.locator("#row-3 .badge")).to_have_text("Failed")


def test_the_offer_to_undo_goes_when_its_time_is_over(site, visit):
    opened = visit("operator", "/queue/")
    opened.locator("#row-3").get_by_role("button").click()
    expect(opened.locator("#undo-button")).to_be_visible()
    opened.clock.install()
    opened.evaluate("document.querySelector('.toast').dataset.until = new Date(Date.now() - 1).toISOString()")
    opened.clock.run_for(1000)
    expect(opened.locator("#undo-button")).to_have_count(0)


def rows(site):
    """Every column of every item."""
    return rows_of(Path(site.environment["CAPACITOR_DATA_DIR"]), "SELECT * FROM routing_queueitem ORDER BY id")


def test_five_hundred_items_fail_and_come_back_exactly_as_they_were(site, visit):
    site.elsewhere(
        "from tests.builders import *\n"
        "pacs = Node.objects.get(ae_title='PACS')\n"
        "[queue_item('Prepared', id=1000 + n, node=pacs, prepared_at=timezone.now(), attempt_count=n % 7,\n"
        "    last_error=f'cause {n}', patient_name=f'FIVE^{n}', not_before=timezone.now(), recipe=b'%d' % n)\n"
        "    for n in range(500)]"
    )
    before = rows(site)
    opened = visit("operator", "/queue/?state=Prepared")
    opened.locator("#pick-matching").check()
    opened.locator("#bulk-fail").click()
    expect(opened.locator("#ask")).to_contain_text("Fail 500 items?")
    expect(opened.locator("#ask")).to_contain_text("For PACS (500)")
    expect(opened.locator("#ask .sample li")).to_have_count(6)
    expect(opened.locator("#ask .sample")).to_contain_text("CT_1 → PACS")
    expect(opened.locator("#ask .sample li").last).to_have_text("and others")
    assert rows(site) == before, "asking changes nothing"
    opened.locator("#do-it").click()
    expect(opened.locator("#messages")).to_contain_text("500 items failed.")
    expect(opened.locator("#queue")).to_contain_text("No item is Prepared right now.")
    failed = [now for now, then in zip(rows(site), before, strict=True) if now != then]
    assert len(failed) == 500
    assert all("Failed" in now for now in failed)
    opened.locator("#undo-button").click()
    expect(opened.locator("#messages")).to_contain_text("Undone: 500 items put back as before.")
    expect(opened.locator(".tabs [aria-current] .count")).to_have_text("500")
    assert rows(site) == before
