"""The process that transcodes: its limits, what ends it, and what it is told."""

from pathlib import Path

import pytest

from routing.core.syntax_choice import EXPLICIT, IMPLICIT
from routing.engine.transcoding import transcode
from routing.engine.transcoding.transcode import CannotStart, CannotTranscode, Transcoder
from tests.routing.dicom.peers import dataset
from tests.routing.engine.transcoding.transcoded import made_from, sample

pytestmark = pytest.mark.integration


def test_a_data_set_that_takes_too_long_ends_the_process_and_the_next_one_gets_another():
    content, before = sample("CT_small.dcm")
    hasty = Transcoder(seconds=60, memory_mib=4096)
    try:
        assert made_from(hasty, content, before, IMPLICIT)
        hasty._seconds = 0
        with pytest.raises(CannotTranscode, match="longer than 0 s"):
            made_from(hasty, content, before, IMPLICIT)
        hasty._seconds = 60
        assert made_from(hasty, content, before, IMPLICIT)
    finally:
        hasty.close()


def test_a_large_data_set_gets_as_much_more_time_as_it_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    content, before = sample("CT_small.dcm")
    transcoder = Transcoder(seconds=0, memory_mib=4096)
    monkeypatch.setattr(transcode, "_SLOWEST", len(content) // 60)
    try:
        assert made_from(transcoder, content, before, IMPLICIT)
        monkeypatch.setattr(transcode, "_SLOWEST", len(content) + 1)
        with pytest.raises(CannotTranscode, match="longer than 0 s"):
            made_from(transcoder, content, before, IMPLICIT)
    finally:
        transcoder.close()


STRUCK = """
import os, signal, sys
from pathlib import Path
from routing.engine.transcoding import transcoder

left = sorted(Path({folder!r}).iterdir())
if left:
    left[0].unlink()
    sys.stdout.buffer.write(b"ready\\n")
    sys.stdout.buffer.flush()
    sys.stdin.buffer.readline()
    os.kill(os.getpid(), signal.SIGKILL)
transcoder.main()
"""
"""A transcoder that is killed over its first request, as often as there are files in a folder."""


@pytest.mark.fault(78, "the transcoding process is killed while it waits, while it works, and each time it works")
def test_a_kill_from_outside_costs_no_image_unless_it_comes_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, before = sample("CT_small.dcm")
    kills = tmp_path / "kills"
    kills.mkdir()
    (tmp_path / "struck.py").write_text(STRUCK.format(folder=str(kills)))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(transcode, "_PROGRAM", "struck")
    transcoder = Transcoder(seconds=60, memory_mib=4096)
    try:
        (kills / "1").touch()
        assert made_from(transcoder, content, before, IMPLICIT)
        assert transcoder._process is not None
        transcoder._process.kill()
        transcoder._process.wait()
        assert made_from(transcoder, content, before, IMPLICIT)
        transcoder.close()
        for number in "12":
            (kills / number).touch()
        with pytest.raises(CannotTranscode, match="was killed twice"):
            made_from(transcoder, content, before, IMPLICIT)
        assert made_from(transcoder, content, before, IMPLICIT)
    finally:
        transcoder.close()


def test_a_data_set_beyond_the_limit_of_memory_is_refused():
    small = Transcoder(seconds=60, memory_mib=400)
    try:
        with pytest.raises(CannotTranscode, match=r"MemoryError|ended"):
            made_from(small, dataset(pixels=100 << 20), EXPLICIT, IMPLICIT)
    finally:
        small.close()


def test_a_process_that_does_not_start_blames_the_installation(monkeypatch):
    monkeypatch.setattr(transcode, "_PROGRAM", "routing.engine.no_such_program")
    with pytest.raises(CannotStart):
        made_from(Transcoder(seconds=60, memory_mib=4096), b"", EXPLICIT, IMPLICIT)


def test_the_process_gets_no_secret_of_the_service(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://user:secret@db/router")
    transcoder = Transcoder(seconds=60, memory_mib=4096)
    try:
        content, before = sample("CT_small.dcm")
        made_from(transcoder, content, before, IMPLICIT)
        assert transcoder._process is not None
        assert b"secret" not in Path(f"/proc/{transcoder._process.pid}/environ").read_bytes()
    finally:
        transcoder.close()
