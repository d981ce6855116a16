"""
Images flow, destinations die, and an operator puts it right in Chromium without ever loading the dashboard anew.

``RECORD_TO=FOLDER`` in the environment keeps a picture of each step.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pydicom
import pytest
from playwright.sync_api import Page, expect
from pydicom.errors import InvalidDicomError

from tests.acceptance.peers import Receiver
from tests.acceptance.router import Router, Sink, storage_node, until
from tests.images import SOP_CLASSES, image, write
from tests.pages import browser
from tests.pages.screenshots import keep

pytestmark = [pytest.mark.integration, pytest.mark.browser]
chromium = browser.chromium
PASSWORD = "correct-horse-battery"
IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
VERIFICATION = "1.2.840.10008.1.1"
SECONDS = 15_000
"""Milliseconds that a busy machine may take for what an idle one does in less than five seconds."""
DRAIN = 60_000


@pytest.fixture
def toolkit() -> None:
    """A peer here must refuse what it was not told to take."""


@pytest.fixture
def ct_only() -> Iterator[Receiver]:
    """A workstation that takes CT and answers C-ECHO, nothing else."""
    receiver = Receiver([(SOP_CLASSES["CT"], EXPLICIT), (VERIFICATION, IMPLICIT)])
    yield receiver
    receiver.stop()


@pytest.fixture
def operator(chromium) -> Iterator[Callable[[Router], Page]]:
    """Log in; whatever the browser complains about fails the test."""
    complaints: list[str] = []
    contexts = []

    def open_dashboard(router: Router) -> Page:
        contexts.append(chromium.new_context(viewport={"width": 1280, "height": 800}))
        page = contexts[0].new_page()
        browser.listen(page, complaints)
        page.goto(f"{router.site()}/login/")
        browser.log_in(page, "admin", PASSWORD)
        expect(page.locator("#live")).to_have_text("live")
        return page

    yield open_dashboard
    for context in contexts:
        context.close()
    assert complaints == []


class Flow:
    """A modality that sends ten images for each of several destinations, again and again, until it is stopped."""

    def __init__(self, router: Router, folder: Path, *called: str) -> None:
        self.sent: dict[str, set[str]] = {title: set() for title in called}
        self._router, self._folder = router, folder
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)
        folder.mkdir()

    def __enter__(self) -> Flow:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        number = 0
        while not self._stopped.is_set():
            for title, sent in self.sent.items():
                images = [image("CT", number := number + 1) for _ in range(10)]
                files = [write(each, self._folder / f"{each.InstanceNumber}.dcm") for each in images]
                self._router.send(files, title, calling="CT_1")
                sent |= {each.SOPInstanceUID for each in images}
            self._stopped.wait(0.3)


class Camera:
    """Keeps a picture of each step where somebody wants them."""

    def __init__(self) -> None:
        self._folder = Path(os.environ["RECORD_TO"]) if "RECORD_TO" in os.environ else None
        self._taken = 0

    def __call__(self, page: Page, name: str) -> None:
        self._taken += 1
        if self._folder:
            self._folder.mkdir(parents=True, exist_ok=True)
            keep(page, self._folder / f"night-{self._taken}-{name}.png")


def received(*sinks: Sink) -> set[str]:
    """The instances that they have; what one of them had in hand when it died is no file, and was not acknowledged."""
    whole = set()
    for sink in sinks:
        for path in sink.files():
            with contextlib.suppress(InvalidDicomError):
                whole.add(pydicom.dcmread(path).SOPInstanceUID)
    return whole


def count(router: Router, destination: str, *states: str) -> int:
    marks = ", ".join("?" * len(states))
    query = f"SELECT count(*) FROM routing_queueitem WHERE destination_ae_title = ? AND state IN ({marks})"
    return int(router.rows(query, destination, *states)[0][0])


def cause(page: Page, state: str, destination: str):
    line = page.locator("#failures tbody tr", has_text=destination)
    return line.filter(has=page.locator(".badge", has_text=state))


def change_port(page: Page, ae_title: str, port: int) -> None:
    page.get_by_role("link", name="Nodes", exact=True).click()
    page.get_by_role("link", name=ae_title, exact=True).first.click()
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Port").fill(str(port))
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#messages")).to_contain_text(f"{ae_title} is saved")


def test_destinations_die_the_dashboard_says_so_and_an_operator_gets_every_image_through(
    make_router, make_sink, operator, ct_only, tmp_path, record_property
):
    camera = Camera()
    archive, moved, reading = make_sink("ARCHIVE").start(), make_sink("MOVED").start(), make_sink("READING").start()
    router = make_router()
    router.configure(
        nodes=storage_node("ARCHIVE", archive.port, "RetryInitial: 1", "RetryLimit: 1", "RetryAttempts: 2")
        + storage_node("READING", reading.port, "RetryInitial: 600", "RetryLimit: 600")
        + storage_node("VIEWER", ct_only.port),
        lua="",
    )
    router.start()
    page = operator(router)
    page.evaluate("window.sameDocument = true")
    problems, cards = page.locator(".problems"), page.locator(".card")
    expect(page.locator(".calm")).to_contain_text("Nothing is wrong", timeout=SECONDS)
    expect(cards).to_have_count(3)

    with Flow(router, tmp_path / "modality", "ARCHIVE", "READING") as flow:
        delivered = page.locator(".tile.state-delivered .figure")
        expect(delivered).not_to_have_text("0", timeout=SECONDS)
        camera(page, "images-flow")

        died = time.monotonic()
        archive.stop()
        reading.stop()
        expect(problems).to_contain_text("ARCHIVE has taken no image since", timeout=SECONDS)
        took = time.monotonic() - died
        expect(problems).to_contain_text("READING has taken no image since", timeout=SECONDS)
        expect(cards.filter(has_text="READING").locator(".condition")).to_have_text("back-off")
        camera(page, "dead")
        until(lambda: len(flow.sent["READING"]) > 40 and count(router, "ARCHIVE", "Failed"), 60)
    # Another kind of trouble: what the node will never take, however often it is tried.
    magnetic = [image("MR", number) for number in range(1, 8)]
    files = [write(each, tmp_path / f"mr{at}.dcm") for at, each in enumerate(magnetic)]
    router.send(files, "VIEWER", calling="MR_2")
    expect(problems).to_contain_text("VIEWER has refused 7 images since", timeout=SECONDS)
    until(lambda: not count(router, "ARCHIVE", "New", "Prepared"), 60, "the archive's images have failed")
    assert page.evaluate("window.sameDocument"), "the dashboard was loaded anew"
    record_property("seconds_until_the_dashboard_says_so", round(took, 2))
    print(f"the dashboard says that a destination died {took:.2f} s after its death")

    page.goto(f"{router.site()}/failures/")
    failed, held = count(router, "ARCHIVE", "Failed"), count(router, "READING", "Prepared")
    gone, waiting, refused = (
        cause(page, "Failed", "ARCHIVE"),
        cause(page, "Prepared", "READING"),
        cause(page, "Rejected", "VIEWER"),
    )
    expect(gone.get_by_role("link", name=f"Retry all {failed}")).to_be_visible(timeout=SECONDS)
    expect(gone).to_contain_text("Connection refused")
    expect(waiting.get_by_role("link", name=f"Try all {held} now")).to_be_visible(timeout=SECONDS)
    expect(refused).to_contain_text("does not accept SOP class MR Image Storage")
    expect(page.locator("#failures tbody tr")).to_have_count(3)
    camera(page, "grouped")

    # Wrong port: put right in the browser, and everything that failed is retried.
    change_port(page, "ARCHIVE", moved.port)
    camera(page, "node-put-right")
    page.goto(f"{router.site()}/failures/")
    gone.get_by_role("link", name=f"Retry all {failed}").click()
    expect(page.locator("main")).to_contain_text(f"Retry {failed} items?")
    expect(page.locator(".sample li").first).to_contain_text("CT_1 → ARCHIVE")
    camera(page, "question")
    page.locator("#do-it").click()
    expect(page.locator("#messages")).to_contain_text(f"{failed} items retried.")
    expect(page.locator("#queue")).to_contain_text("Nothing that is Failed matches the filter", timeout=SECONDS)

    # Refused for good: the port of another device; a retry sends it there.
    change_port(page, "VIEWER", moved.port)
    page.goto(f"{router.site()}/failures/")
    refused.get_by_role("link", name="Retry all 7").click()
    page.locator("#do-it").click()
    expect(page.locator("#messages")).to_contain_text("7 items retried.")

    # Switched on again: ten minutes of back-off are not waited for.
    assert count(router, "READING", "Prepared") == held
    reading.start()
    page.goto(f"{router.site()}/failures/")
    waiting.get_by_role("link", name=f"Try all {held} now").click()
    page.locator("#do-it").click()
    expect(page.locator("#messages")).to_contain_text(f"{held} items tried now.")

    page.get_by_role("link", name="Dashboard").click()
    page.evaluate("window.sameDocument = true")
    for title in ("ARCHIVE", "READING", "VIEWER"):
        expect(cards.filter(has_text=title).locator("a .figure").first).to_have_text("0", timeout=DRAIN)
    expect(page.locator(".calm")).to_contain_text("Nothing is wrong", timeout=SECONDS)
    assert page.evaluate("window.sameDocument")
    camera(page, "drained")
    page.goto(f"{router.site()}/failures/")
    expect(page.locator(".calm")).to_contain_text("Nothing has failed", timeout=SECONDS)

    assert router.states() == {"Delivered": sum(map(len, flow.sent.values())) + 7}
    ours = {each.SOPInstanceUID for each in magnetic}
    assert received(archive, moved) == flow.sent["ARCHIVE"] | ours
    assert received(reading) == flow.sent["READING"]
