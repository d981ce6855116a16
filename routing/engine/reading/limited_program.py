"""Start and end the programs that read a stranger's bytes: in processes of their own, which limit their memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_PROJECT = Path(__file__).resolve().parents[3]
_PASSED_ON = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG")
"""Of the environment; the rest holds secrets that a decoder has no use for."""


def start(module: str, memory_mib: int, *, bufsize: int = -1) -> subprocess.Popen[bytes]:
    """``python -m module memory`` with pipes to its input and from its output; ``end`` it in any case."""
    return subprocess.Popen(
        [sys.executable, "-m", module, str(memory_mib)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=bufsize,
        cwd=_PROJECT,
        env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        start_new_session=True,
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill it unless it has ended, and leave neither a zombie nor a pipe."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
