"""The flag of a signal handler."""

import os
import signal
import threading

from routing.processes.stop_flag import StopFlag


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


def test_a_signal_ends_the_wait() -> None:
    flag = StopFlag()
    before = signal.signal(signal.SIGUSR1, lambda *_: flag.set())
    sender = threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGUSR1))
    try:
        sender.start()
        assert flag.wait(60)
    finally:
        sender.join()
        signal.signal(signal.SIGUSR1, before)
