"""Files that scripts cannot edit as they stand: to write them anew takes the time of their size, not of a script."""

import contextlib
import errno
import io
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from routing.engine.preparing import prepare
from routing.engine.watching import watch
from routing.engine.watching.watchdog import FILE_MESSAGE
from routing.models import QueueItem
from routing.spool.prepared import PreparedFiles
from scripts_app.core.dataset import opening, slow_path
from tests.builders import ct_image, lua_entry, node
from tests.routing.engine.preparing.preparation import Preparation, item
from tests.routing.engine.preparing.test_images import DEFLATED, deflated

pytestmark = pytest.mark.django_db

IMPLICIT = "1.2.840.10008.1.2"


class Slow:
    """A clock that goes on where files are written and where scripts run; what the watchdog thought of it."""

    def __init__(self, work: Preparation, monkeypatch: pytest.MonkeyPatch) -> None:
        self.work, self.now = work, 0.0
        self.seen: list[tuple[str, bool, bool]] = []
        """What was done, whether it was overdue, and whether it counted as the file's own time."""
        self.renewed = 0
        clock = SimpleNamespace(monotonic=lambda: self.now)
        monkeypatch.setattr(watch, "time", clock)
        for module, name, seconds in (
            (opening, "normalised", 50),
            (prepare, "run_entries", 10),
            (opening, "write_part10", 50),
        ):
            monkeypatch.setattr(module, name, self._slow(getattr(module, name), name, seconds))
        self._renew = prepare.renew
        monkeypatch.setattr(prepare, "renew", self._renewing)

    def _slow(self, real: Any, name: str, seconds: float) -> Any:
        def slowly(*arguments: Any, **named: Any) -> Any:
            self.now += seconds
            self.seen.append((name, self.work.watch.overdue, self.work.watch.with_file))
            return real(*arguments, **named)

        return slowly

    def _renewing(self, *about: Any) -> None:
        self.renewed += 1
        self._renew(*about)


def test_a_large_file_may_take_longer_than_a_script(work: Preparation, monkeypatch: pytest.MonkeyPatch) -> None:
    node("AI")
    lua_entry("dataset:Set('PatientID', 'OWN')\nroute:Add('AI', function(ds) ds:Set('PatientID', 'COPY') end)")
    slow = Slow(work, monkeypatch)
    done = work.prepared(deflated(ct_image()), syntax=DEFLATED)
    assert done.state == "Prepared"
    written = [("write_part10", False, True)] * 2
    # Between the two the scripts have their own limit, and their own message when they exceed it.
    assert slow.seen == [("normalised", False, True), ("run_entries", False, False), *written]
    # Leases that nobody renews for so long are taken back.
    assert slow.renewed == 3


def test_of_a_file_that_takes_too_long_no_script_is_said_to_be_to_blame(
    work: Preparation, monkeypatch: pytest.MonkeyPatch
) -> None:
    lua_entry("dataset:Set('PatientID', 'OWN')")
    slow = Slow(work, monkeypatch)
    work.watch.begin(7, 10)
    work.watch.at(2, 1)
    work.watch.begin(7, 60, with_file=True)
    assert (work.watch.with_file, work.watch.place) == (True, (2, 1))
    slow.now += 61
    assert work.watch.overdue
    assert "script exceeded" not in FILE_MESSAGE
    work.watch.begin(7, 10)
    assert not work.watch.with_file


class FullInTheMiddle(io.FileIO):
    """A file that takes its head, and can be closed; there is no room for the pixels."""

    def write(self, content: Any) -> int:
        if len(content) > 4096:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(content)

    @classmethod
    def opened(cls, path: Path, mode: str) -> Any:
        return cls(path, mode) if "w" in mode else open(path, mode)


@pytest.mark.fault(84, "the disk is full where a file has to be written anew before scripts can edit it")
@pytest.mark.parametrize("written", ["normalised", "prepared"])
@pytest.mark.parametrize(("packed", "syntax"), [(deflated, DEFLATED), (bytes, IMPLICIT)])
def test_no_image_fails_because_the_disk_is_full_while_its_file_is_written_anew(
    work: Preparation,
    monkeypatch: pytest.MonkeyPatch,
    packed: Callable[[bytes], bytes],
    syntax: str,
    written: str,
) -> None:
    """It is deflated, or its elements are of explicit VR and its transfer syntax says implicit."""
    drafts: list[Path] = []
    really = PreparedFiles.draft

    @contextlib.contextmanager
    def draft(files: PreparedFiles) -> Iterator[Path]:
        with really(files) as path:
            drafts.append(path)
            if len(drafts) == 1 and written == "normalised":
                path.symlink_to("/dev/full")
            if len(drafts) == 2:
                monkeypatch.setattr(slow_path, "open", FullInTheMiddle.opened, raising=False)
            yield path

    monkeypatch.setattr(PreparedFiles, "draft", draft)
    lua_entry("dataset:Set('PatientID', 'OWN')")
    content = packed(ct_image(PixelData=random.Random(7).randbytes(1 << 17)))
    waiting = work.prepared(content, syntax=syntax)
    assert (waiting.state, waiting.last_error) == ("New", "No space left on device: tried again")
    monkeypatch.setattr(PreparedFiles, "draft", really)
    monkeypatch.setattr(slow_path, "open", open, raising=False)
    QueueItem.objects.update(not_before=timezone.now())
    work.step()
    done = item(waiting.id)
    assert (done.state, done.patient_id) == ("Prepared", "OWN")
