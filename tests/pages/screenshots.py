"""
Take the manual's pictures: ``python -m tests.pages.screenshots docs/screenshots [NAME ...]``, all or those named.

All of them also make the manual's page that lists them.
"""

import sys
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from tests.pages.browser import log_in, running_chromium
from tests.pages.site import ROOT, running_site

PAGES = {
    "dashboard": "/",
    "traffic": "/traffic/",
    "queue": "/queue/",
    "failures": "/failures/",
    "quarantine": "/quarantine/",
    "question": "/queue/ask/?action=retry&scope=matching&state=Failed",
    "item": "/queue/200/",
    "studies": "/studies/",
    "study": "/studies/1.2.826.0.1.3680043.8.498.0/",
    "nodes": "/nodes/",
    "node": "/nodes/1/status/",
    "node-form": "/nodes/1/",
    "node-delete": "/nodes/4/delete/",
    "senders": "/senders/",
    "scripts": "/scripts/",
    "script": "/scripts/entries/1/",
    "script-draft": "/scripts/draft/",
    "script-versions": "/scripts/versions/",
    "script-version": "/scripts/versions/3/",
    "script-samples": "/scripts/samples/",
    "script-tests": "/scripts/tests/",
    "rehearsals": "/scripts/rehearsals/",
    "rehearsal": "/scripts/rehearsals/1/",
    "rehearsed": "/scripts/rehearsals/1/item/200/",
    "log": "/logs/",
    "audit": "/logs/audit/",
    "password": "/password/",
    "not-found": "/nothing/",
}
WIDTHS, SCHEMES = (1280, 390), ("light", "dark")
COLOURS = 160
"""Enough for these pages; a picture of all colours is three times as large."""
SCRIPT = """-- Research gets copies without names.
route:Add('RESEARCH', function(ds)
  ds:Set('PatientName', 'ANONYMOUS')
  ds:Remove('PatientBirthDate')
end)
study.images = (study.images or 0) + 1
print('image', study.images, dataset:Get('Modality'))
"""


def workshop(page: Page, url: str) -> None:
    """A new entry with its dry run beside it."""
    page.goto(f"{url}/scripts/entries/new/")
    page.get_by_label("Description").fill("Research gets no names")
    page.get_by_label("Tag").first.fill("Modality")
    page.get_by_label("Pattern").first.fill("CT*")
    if page.get_by_label("or a synthetic image").is_visible():
        page.get_by_label("or a synthetic image").select_option("CT")
        page.get_by_role("button", name="Use this image").click()
    page.locator("#sample[data-chosen]").wait_for()
    page.get_by_label("For", exact=True).select_option("PACS")
    page.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.insert_text(SCRIPT)
    page.locator("#result .output", has_text="ANONYMOUS").wait_for(timeout=60_000)
    page.get_by_text("read as wildcard").wait_for()
    # The panel beside the editor scrolls by itself, so that a picture would cut it.
    page.set_viewport_size({"width": page.viewport_size["width"], "height": 1500})


LIVED: dict[str, Callable[[Page, str], None]] = {"workshop": workshop}
"""Pages on which something has to be done first."""


def keep(page: Page, path: Path) -> None:
    """The whole page, in few colours."""
    page.screenshot(path=path, full_page=True)
    with Image.open(path) as picture:
        few = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(path, optimize=True)


def list_them(page: Path) -> None:
    """The manual's page with a link to every picture."""
    lines = [
        "# Pictures of every page",
        "",
        "Wide and as on a phone, light and dark, as an administrator sees them; all patients are made up. Made by",
        "`python -m tests.pages.screenshots docs/screenshots`.",
        "",
        "| Page | Wide | | Phone | |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name in ("login", *PAGES, *LIVED):
        links = [f"[{scheme}](../screenshots/{name}-{width}-{scheme}.png)" for width in WIDTHS for scheme in SCHEMES]
        lines.append(f"| {name.replace('-', ' ')} | {' | '.join(links)} |")
    page.write_text("\n".join(lines) + "\n")


def take(folder: Path, wanted: Collection[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as data,
        running_site(Path(data) / "data") as site,
        running_chromium() as browser,
    ):
        # The processes of the pictures are synthetic: they must not look dead while pictures are taken.
        alive = "timezone.now() + timedelta(hours=1)"
        site.elsewhere(
            "from tests.pages.stored_image import *\nfrom tests.pages.rehearsed import *\n"
            "give_file(busy_router())\nrehearsed()\n"
            f"ServiceProcess.objects.filter(pid__lt=4715).update(seen_at={alive})"
        )
        for width in WIDTHS:
            for scheme in SCHEMES:
                page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
                page.goto(f"{site.url}/login/")
                if not wanted or "login" in wanted:
                    keep(page, folder / f"login-{width}-{scheme}.png")
                log_in(page, "administrator")
                for name, address in PAGES.items():
                    if wanted and name not in wanted:
                        continue
                    page.goto(site.url + address)
                    page.locator("[data-live=live]").wait_for()
                    # Some parts are fetched when they come into sight.
                    for part in page.locator("[hx-trigger='intersect once']").all():
                        part.scroll_into_view_if_needed()
                    page.wait_for_load_state("networkidle")
                    keep(page, folder / f"{name}-{width}-{scheme}.png")
                for name, live in LIVED.items():
                    if not wanted or name in wanted:
                        live(page, site.url)
                        page.wait_for_load_state("networkidle")
                        keep(page, folder / f"{name}-{width}-{scheme}.png")
                page.close()
        browser.close()


if __name__ == "__main__":
    take(Path(sys.argv[1]), sys.argv[2:])
    if not sys.argv[2:]:
        list_them(ROOT / "docs" / "manual" / "pictures.md")
