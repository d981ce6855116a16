"""The environment that a process was started with, which /proc/<pid>/environ shows as long as it lives (proc 5)."""

from __future__ import annotations

import contextlib
import ctypes
import os
from pathlib import Path

SECRETS = (
    "CAPACITOR_ADMIN_PASSWORD",
    "CAPACITOR_SECRET_KEY",
    "DATABASE_URL",
    "DJANGO_SECRET_KEY",
    "PGPASSWORD",
    "REDIS_URL",
)
"""Variables that hold passwords and keys."""


def blank_secrets() -> None:
    """
    Write over the secrets in it; ``os.environ``, the C library and programs that are started have them as before.

    Every process of the same user may read it, and so may scripts.
    """
    # The C library gets copies of its own, elsewhere: what it has is this very place.
    os.environ.update({name: os.environ[name] for name in SECRETS if name in os.environ})
    # A system without /proc shows it to nobody.
    with contextlib.suppress(OSError):
        fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
        # env_start and env_end, 50 and 51; behind the name, which may hold anything, comes field 3.
        at, end = int(fields[47]), int(fields[48])
        for entry in ctypes.string_at(at, end - at).split(b"\0"):
            name = entry.partition(b"=")[0]
            if name.decode(errors="replace") in SECRETS:
                ctypes.memset(at + len(name), 0, len(entry) - len(name))
            at += len(entry) + 1
