"""The flag of a signal handler."""

import os
import platform
import select
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from routing.processes.stop_flag import StopFlag
from routing.processes.wakeup import Wakeup

FUTEX = {"x86_64": "202", "aarch64": "98"}.get(platform.machine(), "")


@pytest.fixture
def flag() -> Iterator[StopFlag]:
    """One that SIGUSR1 sets."""
    made = StopFlag()
    before = signal.signal(signal.SIGUSR1, lambda *_: made.set())
    made.hear_signals()
    yield made
    made.hear_no_more()
    signal.signal(signal.SIGUSR1, before)


def test_it_stays_set_and_nobody_waits_for_it_any_more() -> None:
    flag = StopFlag()
    assert not flag.is_set()
    assert not flag.wait(0)
    assert not flag.wait(-1)
    flag.set()
    flag.set()
    assert flag.is_set()
    assert flag.wait(60)
    assert flag.wait(60)


def test_a_signal_ends_the_wait(flag: StopFlag) -> None:
    sender = threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGUSR1))
    sender.start()
    assert flag.wait(60)
    sender.join()


def waits_outside_python(thread: int | None) -> bool:
    """In a system call (proc_pid_syscall(5)), and not for a lock, as that of the interpreter."""
    call = Path(f"/proc/self/task/{thread}/syscall").read_text().split()[0]
    return call not in ("running", "-1", FUTEX)


@pytest.mark.parametrize("how", ["for the flag", "for a nudge"])
def test_a_signal_that_the_kernel_gives_to_another_thread_ends_the_wait_too(
    flag: StopFlag, how: str, tmp_path: Path
) -> None:
    """As it does where the other is running and the main one waits; Python runs the handler in the main one alone."""
    wakeup, ended, main = Wakeup(tmp_path, "prepare"), threading.Event(), threading.main_thread()
    in_time: list[bool] = []

    def take_it() -> None:
        while not waits_outside_python(main.native_id):
            ended.wait(0.01)
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
        in_time.append(ended.wait(10))

    other = threading.Thread(target=take_it)
    other.start()
    if how == "for the flag":
        flag.wait(30)
    else:
        wakeup.wait(30, flag)
    ended.set()
    other.join()
    wakeup.close()
    assert flag.is_set()
    assert in_time == [True]


def test_a_signal_that_asks_for_no_end_does_not_keep_everybody_awake(flag: StopFlag) -> None:
    before = signal.signal(signal.SIGUSR2, lambda *_: None)
    signal.raise_signal(signal.SIGUSR2)
    signal.signal(signal.SIGUSR2, before)
    assert not flag.wait(0)
    assert not select.select([flag], [], [], 0)[0]
