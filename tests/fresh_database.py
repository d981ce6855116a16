"""A database as the migrations leave it; they are run once for all tests of a process, for they take seconds."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from tests.clean_environment import without_settings

_ROOT = Path(__file__).resolve().parents[1]
_NAME = "capacitor.sqlite3"


def put_fresh_database(data: Path) -> None:
    """Put one into a data folder that has none."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(os.open(data / _NAME, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(_migrated())
        # Tests cut the power, and SQLite synchronises only what it has written itself.
        file.flush()
        os.fsync(file.fileno())


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--noinput", "-v0"],
            cwd=_ROOT,
            env={**without_settings(), "CAPACITOR_DATA_DIR": folder},
            check=True,
            timeout=120,
        )
        return (Path(folder) / _NAME).read_bytes()
