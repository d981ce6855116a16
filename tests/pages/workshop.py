"""The script workshop of a site with three nodes and one entry: what every test of it does there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from scripts_app.core.dataset.file_meta import read_file_meta
from tests.images import image, write
from tests.pages.site import Site, running_site

_BEGIN = """
from tests.builders import *
for title in ('PACS', 'AI', 'ARCHIVE'): node(title)
lua_entry("log:info('always')", description='always')
"""
MEANT = ("status of 422", "htmx:afterRequest", "htmx:sendAbort")
"""Of the browser's complaints: a refusal is asked for; a dry run that a newer one replaces is given up."""
THREE = """route:Add('AI', function(ds) ds:Set('PatientName', 'ANONYMOUS') ds:Remove('PatientBirthDate') end)
route:Add('ARCHIVE')
print('seen', dataset:Get('Modality'))
study.images = 1"""
"""A script that sends three different files."""


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    settings = getattr(request.module, "SETTINGS", {})
    with running_site(tmp_path_factory.mktemp("site") / "data", **settings) as running:
        running.elsewhere(_BEGIN)
        yield running


@pytest.fixture(scope="module")
def ct(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(image("CT"), tmp_path_factory.mktemp("images") / "ct.dcm")


def dataset_of(file: Path) -> bytes:
    """What stands behind the file's meta information."""
    content = file.read_bytes()
    return content[read_file_meta(content).dataset_offset :]


def write_script(opened: Page, text: str) -> None:
    opened.locator(".cm-content").click()
    opened.keyboard.press("Control+a")
    opened.keyboard.press("Delete")
    opened.keyboard.insert_text(text)


def take(opened: Page, file: Path) -> None:
    """Choose the file as the image of the dry run."""
    opened.get_by_label("DICOM file").set_input_files(file)
    opened.get_by_role("button", name="Use this image").click()
    expect(opened.locator("#sample")).to_contain_text("Image: ct.dcm")
