"""Run a part of the demo in the foreground until SIGTERM or Ctrl-C."""

import signal

from routing.processes.stop_flag import StopFlag


def stop_on_signal() -> StopFlag:
    """A flag that SIGTERM and SIGINT set; call it in the main thread."""
    stopping = StopFlag()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    stopping.hear_signals()
    return stopping
