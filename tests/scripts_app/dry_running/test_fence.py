"""Work in a fenced process: it ends in time, within its memory, and takes nothing with it."""

from __future__ import annotations

import math
import os
import select
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from scripts_app.dry_running.fence import Tell, fenced

pytestmark = pytest.mark.integration

pytestmark = pytest.mark.integration

ROOM = 256 << 20


def run(work: Any, seconds: float = 30.0) -> tuple[list[dict[str, Any]], str]:
    ended = fenced(work, seconds=seconds, memory_bytes=ROOM)
    return ended.messages, ended.reason


def wait_for_ever() -> None:
    select.select([], [], [])


def test_all_that_the_child_says_arrives_in_order():
    def work(tell: Tell) -> None:
        for number in range(100):
            tell({"number": number, "text": "ä" * 5000}, 30)

    messages, reason = run(work)
    assert [message["number"] for message in messages] == list(range(100))
    assert messages[7]["text"] == "ä" * 5000
    assert reason == ""


def test_a_child_that_says_nothing_is_killed_at_its_deadline():
    assert run(lambda tell: wait_for_ever(), 0.1) == ([], "time")


def test_each_message_sets_the_deadline_for_the_next():
    def work(tell: Tell) -> None:
        tell({"at": "begin"}, 0.1)
        wait_for_ever()

    assert run(work, 30) == ([{"at": "begin"}], "time")


def test_without_a_deadline_the_end_is_waited_for():
    def work(tell: Tell) -> None:
        tell({}, 1)
        tell({}, math.inf)
        select.select([], [], [], 1.2)

    assert run(work) == ([{}, {}], "")


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (lambda: os._exit(0), ""),
        (lambda: os._exit(3), "ended (exit code 3)"),
        (lambda: os.kill(os.getpid(), signal.SIGUSR1), "crashed (signal 10)"),
        (lambda: bytearray(4 * ROOM), "memory"),
        (lambda: 1 / 0, "ended (exit code 1)"),
    ],
)
def test_how_the_child_ended_is_told_in_words(end: Any, reason: str):
    assert run(lambda tell: end()) == ([], reason)


def test_output_without_end_is_cut_off():
    def work(tell: Tell) -> None:
        while True:
            tell({"text": "x" * (1 << 20)}, 30)

    messages, reason = run(work)
    assert reason == "output"
    assert len(messages) <= 64


def test_processes_that_the_child_has_started_end_with_it(tmp_path: Path):
    note = tmp_path / "pid"

    def work(tell: Tell) -> None:
        child = subprocess.Popen(["sleep", "300"])
        note.write_text(str(child.pid))

    assert run(work) == ([], "")
    pid = int(note.read_text())
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    assert select.select([process], [], [], 10)[0], "it still runs"
    os.close(process)


def test_the_child_has_no_stream_of_the_caller_and_leaves_no_core_dump():
    def work(tell: Tell) -> None:
        import resource

        tell(
            {
                "streams": [os.readlink(f"/proc/self/fd/{number}") for number in range(3)],
                "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
                "files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            },
            30,
        )

    messages, _ = run(work)
    assert messages == [{"streams": [os.devnull] * 3, "core": 0, "files": 256}]


def test_nothing_of_the_caller_is_left_open_or_unreaped():
    before = len(os.listdir("/proc/self/fd"))
    run(lambda tell: None)
    assert len(os.listdir("/proc/self/fd")) == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
