"""A log file that several processes of one role write: nothing of the newest lines is lost when it turns."""

import logging
from pathlib import Path

import pytest

from routing.processes.log_file import SharedLogFile
from tests.full_disk import no_room_beyond

_LARGEST, _KEPT = 4000, 5


def opened(folder: Path, count: int) -> list[SharedLogFile]:
    """As many processes open it; what they hold is a file of their own each, as in processes."""
    return [SharedLogFile(folder / "prepare.log", maxBytes=_LARGEST, backupCount=_KEPT) for _ in range(count)]


def line(number: int) -> logging.LogRecord:
    return logging.LogRecord("capacitor.test", logging.INFO, "here.py", 1, f"line {number:06d} {'.' * 60}", None, None)


def kept(folder: Path) -> list[str]:
    return sorted(text for path in folder.iterdir() for text in path.read_text().splitlines())


@pytest.mark.parametrize("processes", [1, 2, 8])
def test_the_newest_lines_are_kept_however_many_processes_write(tmp_path: Path, processes: int) -> None:
    files = opened(tmp_path, processes)
    for number in range(2000):
        files[number % processes].emit(line(number))
    for file in files:
        file.close()
    lines = kept(tmp_path)
    assert lines == [line(number).getMessage() for number in range(2000 - len(lines), 2000)]
    # All but the file that is being filled are full.
    assert len(lines) * 73 > _LARGEST * (_KEPT - 0.5)
    assert len(list(tmp_path.iterdir())) == _KEPT + 1


def test_two_that_turn_it_at_the_same_moment_turn_it_once(tmp_path: Path) -> None:
    one, other = opened(tmp_path, 2)
    one.emit(line(1))
    other.emit(line(2))
    one.doRollover()
    other.doRollover()
    one.emit(line(3))
    other.emit(line(4))
    one.close()
    other.close()
    assert [len(path.read_text().splitlines()) for path in sorted(tmp_path.iterdir())] == [2, 2]


def test_a_file_that_somebody_took_away_is_begun_anew(tmp_path: Path) -> None:
    (file,) = opened(tmp_path, 1)
    file.emit(line(1))
    (tmp_path / "prepare.log").rename(tmp_path / "taken.log")
    file.emit(line(2))
    file.close()
    assert "line 000002" in (tmp_path / "prepare.log").read_text()


def test_a_full_disk_is_told_once_and_without_the_words_of_errors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each line that could not be written came with a traceback of a hundred lines."""
    (file,) = opened(tmp_path, 1)
    with no_room_beyond(500):
        for number in range(20):
            try:
                raise ValueError("ZZCANARY^PHI")
            except ValueError:
                file.emit(line(number))
    told = capsys.readouterr().err
    assert told == f"{tmp_path / 'prepare.log'} cannot be written: File too large\n"
    file.emit(line(21))
    file.close()
    assert "line 000021" in (tmp_path / "prepare.log").read_text()


def test_a_turn_that_fails_on_a_full_disk_ends_no_log(tmp_path: Path) -> None:
    (file,) = opened(tmp_path, 1)
    file.emit(line(1))
    with no_room_beyond(100):
        file.emit(line(2))
        with pytest.raises(OSError, match="File too large"):
            file.doRollover()
    file.emit(line(3))
    file.close()
    assert any("line 000003" in text for text in kept(tmp_path))
