"""What people upload for a dry run: only images are kept, under names of the router's own."""

import io
import zipfile
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from scripts_app.trying import samples
from tests.builders import node
from tests.images import image, write
from tests.pages.people import HTMX, visitor, words

pytestmark = pytest.mark.django_db


@pytest.fixture
def author(settings, tmp_path):
    node("PACS")
    client = visitor("script author")
    client.folder = Path(settings.CAPACITOR.data_dir) / "samples"
    return client


def kept(client) -> int:
    return len(list(client.folder.glob("*"))) if client.folder.is_dir() else 0


def uploaded(client, content: bytes, name: str = "image.dcm"):
    return client.post("/scripts/sample/", {"file": SimpleUploadedFile(name, content)}, headers=HTMX)


def part10() -> bytes:
    buffer = io.BytesIO()
    write(image("CT"), buffer)
    return buffer.getvalue()


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr("../../evil.dcm", part10())
    return buffer.getvalue()


REFUSED = {"archive": archive(), "program": b"MZ" + bytes(1000), "text": b"#!/bin/sh\n", "nothing": b"", "short": b"D"}


@pytest.mark.fault(117, "archives, programs, texts and nothing instead of an image")
@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_image_is_refused_and_not_kept(author, kind, seen):
    before = kept(author)
    answer = uploaded(author, REFUSED[kind], "../../../etc/cron.d/evil")
    assert answer.status_code == 422
    assert kept(author) == before
    assert not Path("/etc/cron.d/evil").exists()
    seen(f"{len(REFUSED)} of {len(REFUSED)} kinds refused with 422, nothing kept")


@pytest.mark.fault(117, "a name that leads elsewhere")
def test_the_name_of_an_upload_is_never_a_path(author):
    assert uploaded(author, part10(), "../../../evil\x00.dcm").status_code == 200
    assert all(path.parent == author.folder and path.stem.isalnum() for path in author.folder.glob("*"))


def test_an_upload_above_the_limit_is_refused_and_not_kept(author, monkeypatch):
    monkeypatch.setattr("scripts_app.views.samples.MOST_BYTES", 1000)
    monkeypatch.setattr(samples, "MOST_BYTES", 1000)
    before = kept(author)
    assert "larger than" in words(uploaded(author, part10()))
    assert kept(author) == before
