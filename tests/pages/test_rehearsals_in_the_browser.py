"""A draft over real images before it counts, beside the active scripts, and from a failed item, in Chromium."""

import subprocess
import sys

import pytest
from playwright.sync_api import expect

from tests.pages.site import ROOT, running_site
from tests.pages.workshop import write_script

pytestmark = pytest.mark.browser
PATIENCE = 60_000
"""Milliseconds for what other processes do."""
RECEIVE = """
from datetime import timedelta
from tests.builders import *
from routing.engine.directory import Directory
from routing.queue.spool import open_spool
from routing.engine.receiving.receive import enqueue
def arrive(*images):
    spool = open_spool()
    got = [received(spool, ct_image(Modality=each[0], PatientName=each[1])) for each in images]
    enqueue(got, spool, Directory('CAPACITOR', 'DCP_'), actor='listener')
"""
BEGIN = (
    RECEIVE
    + """
for title in ('PACS', 'AI', 'ARCHIVE'): node(title)
from scripts_app.activation import activate
entry = {'key': 'new-1', 'description': 'to AI', 'enabled': True, 'conditions': [], 'ae_titles': [], 'on_error': 'skip'}
activate({'entries': [{**entry, 'script': "route:Add('AI')"}], 'libraries': {}}, 'anna', 'first')
arrive(*[('CT', f'TEST^NR{n}') for n in range(4)], ('MR', 'TEST^MR'), ('US', 'TEST^US'))
"""
)
DRAFT = """if dataset:Get('Modality') == 'US' then error('fail: no ultrasound') end
route:Add(dataset:Get('Modality') == 'MR' and 'ARCHIVE' or 'AI')"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with running_site(tmp_path_factory.mktemp("site") / "data") as running:
        running.elsewhere(BEGIN)
        worker = subprocess.Popen(
            [sys.executable, "manage.py", "queue_worker", "--role", "prepare", "--role", "rehearse"],
            cwd=ROOT,
            env=running.environment,
        )
        try:
            yield running
        finally:
            worker.terminate()
            worker.wait(60)


@pytest.fixture
def author(visit):
    return visit("administrator", "/scripts/")


def reloaded_until(opened, place, text):
    for _ in range(300):
        if place.is_visible() and text in place.inner_text():
            return
        opened.reload()
    expect(place).to_contain_text(text)


def test_a_draft_meets_past_images_then_new_ones_is_activated_fails_and_is_put_right(site, author):
    # All six have met the scripts.
    author.goto(site.url + "/scripts/versions/")
    reloaded_until(author, author.locator("table"), "0 of 6")

    author.goto(site.url + "/scripts/")
    author.get_by_role("link", name="to AI").click()
    write_script(author, DRAFT)
    author.get_by_role("button", name="Save in the draft").click()
    author.get_by_role("link", name="Review and activate").click()
    expect(author.get_by_text("This draft has met no image yet.")).to_be_visible()

    # The blast radius, and one image's differences.
    author.get_by_role("button", name="Rehearse").click()
    told = "1 would fail, 1 would change destination, 4 identical"
    expect(author.locator("#rehearsal .blast")).to_have_text(f"Of the last 6 images: {told}.", timeout=PATIENCE)
    author.get_by_role("link", name="would fail 1").click()
    author.locator("#rehearsal tbody a").click()
    expect(author.locator("main")).to_contain_text("entry 1 (to AI), line 1: fail: no ultrasound")
    expect(author.locator("main")).to_contain_text("PACS, AI (copy)")

    # The same draft as a shadow of what is active.
    author.goto(site.url + "/scripts/draft/")
    expect(author.get_by_text(told)).to_be_visible()
    author.get_by_role("button", name="Run it as a shadow").click()
    site.elsewhere(RECEIVE + "arrive(('MR', 'TEST^SHADOW'))")
    expect(author.locator("#rehearsal .blast")).to_have_text(
        "Of 1 image tried: 1 would change destination.", timeout=PATIENCE
    )
    author.get_by_role("button", name="Drop the shadow").click()
    expect(author.get_by_text("stopped")).to_be_visible()

    # Activated, it does as it has shown: an ultrasound fails.
    author.get_by_role("link", name="Review and activate").click()
    author.get_by_label("Why").fill("as rehearsed")
    author.get_by_role("button", name="Activate", exact=True).click()
    expect(author.get_by_text("Active: workers take the new scripts")).to_be_visible()
    site.elsewhere(RECEIVE + "arrive(*[('US', f'TEST^US{n}') for n in range(3)])")
    alarm = author.get_by_role("alert", name="Failures have risen")
    reloaded_until(author, alarm, "3 of 3 images failed in scripts")

    # From the failure to the line, and from the fix to the items that waited for it.
    alarm.get_by_role("button", name="Fix the script").click()
    expect(author.locator("#failed-line")).to_contain_text("failed here, line 1: fail: no ultrasound")
    expect(author.locator(".cm-lint-marker-error")).to_have_count(1)
    expect(author.locator("#sample")).to_contain_text("Image: item")
    write_script(author, "print('any modality')")
    author.get_by_role("button", name="Save in the draft").click()
    author.get_by_role("link", name="Review and activate").click()
    author.get_by_label("Why").fill("ultrasound as well")
    author.get_by_role("button", name="Activate", exact=True).click()
    author.get_by_role("link", name="Retry the 3 items that failed with this").click()
    author.get_by_role("button", name="Retry").click()
    expect(author.locator("body")).to_contain_text("3 items", timeout=PATIENCE)
    author.goto(site.url + "/failures/")
    expect(author.locator("#failures")).to_contain_text("Nothing has failed")
