"""Take the manual's pictures: ``python -m tests.pages.screenshots docs/screenshots``."""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.pages.site import PASSWORD, running_site

CHROMIUM = "/usr/bin/chromium"
PAGES = {
    "dashboard": "/",
    "traffic": "/traffic/",
    "queue": "/queue/",
    "failures": "/failures/",
    "question": "/queue/ask/?action=retry&scope=matching&state=Failed",
    "item": "/queue/200/",
    "studies": "/studies/",
    "study": "/studies/1.2.826.0.1.3680043.8.498.0/",
    "nodes": "/nodes/",
    "node": "/nodes/1/status/",
    "node-form": "/nodes/1/",
    "senders": "/senders/",
    "scripts": "/scripts/",
    "script": "/scripts/entries/1/",
    "script-draft": "/scripts/draft/",
    "script-versions": "/scripts/versions/",
    "script-version": "/scripts/versions/3/",
    "rehearsals": "/scripts/rehearsals/",
    "rehearsal": "/scripts/rehearsals/1/",
    "rehearsed": "/scripts/rehearsals/1/item/200/",
    "log": "/logs/",
    "audit": "/logs/audit/",
}
WIDTHS = (1280, 390)


def take(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as data,
        running_site(Path(data) / "data") as site,
        sync_playwright() as playwright,
    ):
        # The processes of the pictures are synthetic: they must not look dead while pictures are taken.
        alive = "timezone.now() + timedelta(minutes=5)"
        site.elsewhere(
            "from tests.pages.stored_image import *\nfrom tests.pages.rehearsed import *\n"
            "give_file(busy_router())\nrehearsed()\n"
            f"ServiceProcess.objects.filter(pid__lt=4715).update(seen_at={alive})"
        )
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for width in WIDTHS:
            for scheme in ("light", "dark"):
                page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
                page.goto(f"{site.url}/login/")
                page.screenshot(path=folder / f"login-{width}-{scheme}.png")
                page.get_by_label("Username").fill("administrator")
                page.get_by_label("Password").fill(PASSWORD)
                page.get_by_role("button", name="Log in").click()
                for name, address in PAGES.items():
                    page.goto(site.url + address)
                    page.locator("[data-live=live]").wait_for()
                    # Some parts are fetched when they come into sight.
                    for part in page.locator("[hx-trigger='intersect once']").all():
                        part.scroll_into_view_if_needed()
                    page.wait_for_load_state("networkidle")
                    page.screenshot(path=folder / f"{name}-{width}-{scheme}.png", full_page=True)
                page.close()
        browser.close()


if __name__ == "__main__":
    take(Path(sys.argv[1]))
