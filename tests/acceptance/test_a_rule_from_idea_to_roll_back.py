"""A routing rule as its author lives through it, in Chromium on a whole router: tried, live, broken, taken back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.router import Router, accepts, storage_node, until
from tests.images import image, write
from tests.pages.browser import log_in, running_chromium
from tests.pages.workshop import dataset_of, write_script

pytestmark = [pytest.mark.browser, pytest.mark.integration]
NODES = ("PACS", "RESEARCH", "ARCHIVE")
PATIENCE = 30_000
"""Milliseconds; two cores may be busy with something else."""


@pytest.fixture
def opened() -> Iterator[Page]:
    with running_chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        yield page


def begin(opened: Page, router: Router) -> None:
    opened.goto(f"{router.site()}/login/?next=/scripts/")
    log_in(opened, "admin", "correct-horse-battery")
    opened.get_by_role("link", name="New entry").click()


def activate(opened: Page, reason: str) -> None:
    opened.get_by_role("link", name="Review and activate").click()
    opened.get_by_label("Why").fill(reason)
    opened.get_by_role("button", name="Activate").click()


def what_would_leave(opened: Page) -> dict[str, bytes]:
    """The data sets that the dry run shows, by destination, downloaded from its cards."""
    found = {}
    for title in NODES:
        with opened.expect_download() as download:
            opened.get_by_role("button", name=f"Download the file for {title}").click()
        found[title] = dataset_of(download.value.path())
    return found


def test_a_rule_from_idea_to_roll_back(make_router: Any, make_sink: Any, tmp_path: Path, opened: Page) -> None:
    sinks = {title: make_sink(title).start() for title in NODES}
    router = make_router()
    router.configure(nodes="".join(storage_node(title, sink.port) for title, sink in sinks.items()))
    router.start()
    until(lambda: accepts(router.web_port), 60, "the site listens")
    ct = write(image("CT"), tmp_path / "ct.dcm")

    # A new entry from an example of the reference, with a typo that is marked while one types.
    begin(opened, router)
    opened.get_by_label("Description").fill("Research gets no names")
    opened.get_by_label("On error").select_option("fail")
    write_script(opened, "")
    opened.get_by_text("What a script has").click()
    opened.get_by_role("button", name="Insert the example of route:Add").click()
    opened.keyboard.press("Control+End")
    opened.keyboard.insert_text("\nroute:Ad('ARCHIVE')")
    opened.locator(".cm-lint-marker-warning").hover()
    expect(opened.locator(".cm-tooltip")).to_contain_text("route has no Ad; did you mean Add?")
    opened.locator(".cm-content").click()
    opened.keyboard.press("Control+End")
    for _ in "('ARCHIVE')":
        opened.keyboard.press("ArrowLeft")
    opened.keyboard.insert_text("d")
    expect(opened.locator(".cm-lint-marker-warning")).to_have_count(0)

    # Tried on an uploaded CT: three destinations, and the files that they would get.
    opened.get_by_label("DICOM file").set_input_files(ct)
    opened.get_by_role("button", name="Use this image").click()
    opened.locator("#sample[data-chosen]").wait_for()
    opened.get_by_label("For", exact=True).select_option("PACS")
    opened.get_by_label("while I type").uncheck()
    opened.keyboard.press("Control+Enter")
    result = opened.locator("#result")
    expect(result.locator(".output")).to_have_count(3)
    expect(result.locator(".output", has_text="RESEARCH")).to_contain_text("ANONYMOUS")
    shown = what_would_leave(opened)
    assert shown["PACS"] == shown["ARCHIVE"] == dataset_of(ct) != shown["RESEARCH"]

    # Kept as a test, and activated.
    opened.locator("#test-name").fill("no names for research")
    opened.get_by_role("button", name="Keep this result").click()
    expect(opened.locator("#kept")).to_contain_text("Kept as “no names for research”")
    opened.get_by_role("button", name="Save in the draft").click()
    activate(opened, "the research project")
    expect(opened.locator("tbody tr").first).to_contain_text("the research project")

    # The same CT over the network: what arrives is what was shown, byte for byte.
    router.send([ct], "PACS")
    router.settled(3)
    arrived = {title: [dataset_of(path) for path in sink.files()] for title, sink in sinks.items()}
    assert arrived == {title: [content] for title, content in shown.items()}

    # The script is broken: the test blocks it, and somebody overrides that.
    opened.goto(f"{router.site()}/scripts/")
    opened.get_by_role("link", name="Research gets no names").click()
    write_script(opened, "local names = dataset:Get('PatientName')\nroute:Add('RESEARCH' .. names.short)")
    opened.get_by_role("button", name="Save in the draft").click()
    activate(opened, "a quick change")
    expect(opened.locator("main")).to_contain_text("Not activated: 1 of 1 test failed")
    expect(opened.locator("main")).to_contain_text("no names for research")
    opened.get_by_label("Activate although tests fail").check()
    opened.get_by_role("button", name="Activate").click()
    expect(opened.locator("tbody tr").first).to_contain_text("despite failing tests: no names for research")

    # Images fail, a banner says so, and leads back.
    router.send([ct], "PACS")
    until(lambda: router.states().get("Failed") == 1, 60, "the image has failed")
    alarm = opened.locator(".version-alarm")

    def alarmed() -> bool:
        opened.reload()
        return alarm.count() > 0

    until(alarmed, 90, "the banner appears")
    expect(alarm).to_contain_text("1 of 1 image failed in scripts")
    alarm.get_by_role("button", name="Roll back to activation").click()
    expect(opened.locator("tbody tr").first).to_contain_text("failures rose")
    router.send([ct], "PACS")
    until(lambda: router.states().get("Delivered") == 6, 60, "the image is delivered three times")
    assert {title: len(sink.files()) for title, sink in sinks.items()} == dict.fromkeys(NODES, 2)
    assert [dataset_of(path) for path in sinks["RESEARCH"].files()] == [shown["RESEARCH"]] * 2
