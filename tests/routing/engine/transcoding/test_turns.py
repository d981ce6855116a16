"""Large images are transcoded a few at a time, in all processes of the machine together."""

import subprocess
import sys
from pathlib import Path

import pytest

from routing.engine.transcoding import turns
from routing.engine.transcoding.turns import LARGE, NotNow, turn

ROOT = Path(__file__).resolve().parents[4]
AT_IT = """
import sys
from pathlib import Path
from routing.engine.transcoding import turns
turns.MOST = 1
with turns.turn(Path(sys.argv[1]), turns.LARGE, lambda: True):
    print("at it", flush=True)
    sys.stdin.read()
"""


def has_a_turn(folder: Path, size: int = LARGE) -> bool:
    """Of who does not wait for one."""
    try:
        with turn(folder, size, lambda: False):
            return True
    except NotNow:
        return False


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    seen: list[float] = []
    monkeypatch.setattr(turns, "pause", seen.append)
    return seen


def test_there_are_as_many_as_told_and_each_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "MOST", 2)
    with turn(tmp_path, LARGE, lambda: False):
        with turn(tmp_path, LARGE, lambda: False):
            assert not has_a_turn(tmp_path)
        assert has_a_turn(tmp_path)


def test_small_ones_wait_for_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "MOST", 1)
    with turn(tmp_path, LARGE, lambda: False):
        assert has_a_turn(tmp_path, LARGE - 1)


def test_who_waits_gets_the_next_one(tmp_path: Path, looks: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "MOST", 1)
    first = turn(tmp_path, LARGE, lambda: False)
    first.__enter__()

    def ends() -> bool:
        if looks:
            first.__exit__(None, None, None)
        return True

    with turn(tmp_path, LARGE, ends):
        assert len(looks) == 2


@pytest.mark.integration
def test_another_process_counts_until_it_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "MOST", 1)
    command = [sys.executable, "-c", AT_IT, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline() == b"at it\n"
        assert not has_a_turn(tmp_path)
        other.kill()
    assert has_a_turn(tmp_path)
