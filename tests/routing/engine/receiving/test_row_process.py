"""The process beside the listener: it gets every instance in order, outlives nobody, and is never waited for."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.router import until

pytestmark = pytest.mark.integration

PROLOGUE = """
import os, signal, sys
from datetime import UTC, datetime
from routing.core.instance import ReceivedInstance
from routing.engine.receiving.row_process import RowProcess

def instance(number):
    names = ("calling_ae_title", "called_ae_title", "peer_address", "association_id", "sop_class_uid")
    texts = dict.fromkeys((*names, "sop_instance_uid", "transfer_syntax_uid"), "x" * 16)
    return ReceivedInstance(
        id=number, received_at=datetime(2026, 1, 1, tzinfo=UTC), dataset_offset=1, size=1, checksum=None, **texts
    )

def tell(inbox):
    # After the first one it waits for a line of the test: until then nobody reads the pipe.
    first = inbox.take(1, wait=True)
    # In one piece, whatever the buffer is: the other process writes there, too.
    os.write(1, f"first {first[0].id}\\n".encode())
    sys.stdin.readline()
    seen = first
    while more := inbox.take(64, wait=True):
        seen += more
    print([each.id for each in seen] == list(range(len(seen))), len(seen), flush=True)
"""


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    started = []

    def start(program: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "capacitor_web.settings"}
        environment |= {"CAPACITOR_DATA_DIR": str(tmp_path), "PYTHONPATH": os.getcwd()}
        process = subprocess.Popen(
            [sys.executable, "-c", f"{PROLOGUE}rows = RowProcess.start(tell)\n{program}"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with process:
            process.kill()


def test_more_than_a_pipe_holds_is_taken_at_once_and_arrives_in_order(listener) -> None:
    process = listener(
        "for number in range(9000): rows.add(instance(number))\n"
        "os.write(1, f'added {len(rows._unsent) > 0}\\n'.encode())\n"
        "rows.stop(60)\nprint('stopped', flush=True)\n"
    )
    said = sorted([process.stdout.readline(), process.stdout.readline()])
    assert said == ["added True\n", "first 0\n"]
    assert process.communicate("go\n", timeout=60)[0] == "True 9000\nstopped\n"
    assert process.returncode == 0


def test_what_a_killed_listener_has_handed_on_is_written_all_the_same(listener, tmp_path: Path) -> None:
    added = tmp_path / "added"
    process = listener(f"for number in range(5): rows.add(instance(number))\nopen('{added}', 'w')\nsignal.pause()\n")
    assert process.stdout.readline() == "first 0\n"
    until(added.exists, 60, "all five are handed on")
    process.kill()
    process.wait(60)
    assert process.communicate("go\n", timeout=60)[0] == "True 5\n"


def test_a_signal_to_the_whole_group_does_not_end_it_before_the_listener(listener) -> None:
    process = listener(
        "signal.signal(signal.SIGTERM, lambda *_: None)\n"
        "rows.add(instance(0))\n"
        "sys.stdin = None\n"
        "os.kill(rows._pid, signal.SIGTERM)\nos.kill(rows._pid, signal.SIGINT)\n"
        "rows.add(instance(1))\nrows.stop(60)\n"
    )
    assert process.communicate("go\n", timeout=60)[0] == "first 0\nTrue 2\n"


def test_one_that_has_ended_by_itself_is_told_at_once(listener) -> None:
    process = listener(
        "import threading\n"
        "over = threading.Event()\nrows.watch(over.set)\n"
        "os.kill(rows._pid, signal.SIGKILL)\n"
        "print(over.wait(60))\n"
        "try: rows.add(instance(0))\nexcept BrokenPipeError: print('broken')\n"
        "rows.stop(60)\n"
    )
    assert process.communicate(timeout=60)[0].splitlines() == ["True", "broken"]


def test_one_that_is_stopped_has_not_ended_by_itself(listener) -> None:
    process = listener(
        "import threading\n"
        "rows.watch(lambda: print('ended', flush=True))\n"
        "(watch,) = [thread for thread in threading.enumerate() if thread.name == 'row-process-watch']\n"
        "rows.add(instance(0))\nsys.stdin = None\nrows.stop(60)\nwatch.join(60)\nprint('stopped', flush=True)\n"
    )
    assert process.communicate("go\n", timeout=60)[0] == "first 0\nTrue 1\nstopped\n"


def test_one_that_does_not_end_is_killed(listener) -> None:
    process = listener("rows.add(instance(0))\nrows.stop(0)\nprint('over', flush=True)\n")
    # It may be killed in the middle of a word.
    assert process.stdout.read().endswith("over\n")
    assert process.wait(60) == 0
