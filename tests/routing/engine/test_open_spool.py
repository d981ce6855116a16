"""Which folder is taken for the spool of the queue: an empty one beside a database with images is not."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from routing.engine.receiving import process as listening
from routing.engine.watching.watchdog import Watchdog
from routing.folders import spool_folder
from routing.queue.spool import open_spool
from routing.spool.spool import SpoolGone
from tests.builders import queue_item

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("process_folder")]


@pytest.mark.parametrize("state", ["New", "Failed", "Delivered"])
def test_an_empty_folder_beside_a_database_whose_images_have_files_is_not_their_spool(state: str) -> None:
    """
    Its file system is not mounted, or this is a second host with a data folder of its own.

    Such a host began where nothing waited just then, and half of all images were Failed: file missing.
    """
    queue_item(state)
    with pytest.raises(SpoolGone):
        open_spool()
    assert not (spool_folder() / ".spool").exists()


def test_an_empty_folder_is_the_spool_where_no_image_has_a_file_any_more() -> None:
    queue_item("Delivered", purged_at=timezone.now())
    assert open_spool().marked


@pytest.mark.parametrize("command", ["dicom_listener", "queue_worker"])
def test_a_start_without_the_spool_ends_with_a_sentence(monkeypatch: Any, command: str) -> None:
    """Each of its processes ended with a traceback, again and again."""
    queue_item("New")
    monkeypatch.setattr(listening, "run", lambda *_, **__: pytest.fail("it was started"))
    monkeypatch.setattr(Watchdog, "run", lambda _: pytest.fail("it was started"))
    with pytest.raises(CommandError, match=r"^the spool is gone from .*: is its file system mounted\?$"):
        call_command(command)
