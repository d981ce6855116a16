"""Code that another process runs, as listener and workers are: each time a fork of one that has all loaded."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_START = "from routing.models import *\nfrom tests.pages.busy_router import *\n"
_SECONDS = 60


class Elsewhere:
    """Starts with the first code; what that code prints goes to the standard error of the tests."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._process: subprocess.Popen[str] | None = None

    def run(self, code: str) -> None:
        """Wait until it has run; AssertionError when it ended with an error or took too long."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.pages.elsewhere"],
                cwd=_ROOT,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(code) + "\n")
        self._process.stdin.flush()
        ended = self._process.stdout.readline().strip()
        assert ended == "0", f"the other process ended with {ended or 'no word'} and not with 0"

    def end(self) -> None:
        if self._process is not None:
            self._process.communicate(timeout=_SECONDS)
            self._process = None


def _serve() -> None:
    import django

    django.setup()
    exec(_START)
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            _run(json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _run(code: str) -> None:
    """In the new process, which ends here."""
    from django.db import connections

    ended = 1
    try:
        os.dup2(2, 1)
        signal.alarm(_SECONDS)
        exec(_START + code, {"__name__": "elsewhere"})
        ended = 0
    except BaseException:
        traceback.print_exc()
    finally:
        connections.close_all()
        sys.stdout.flush()
        os._exit(ended)


if __name__ == "__main__":
    _serve()
