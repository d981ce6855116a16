"""Ask a database that a router is at work with, without disturbing it."""

import contextlib
import sqlite3
from pathlib import Path
from typing import Any


def rows_of(data: Path, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """What the SQLite database of a data folder answers."""
    with contextlib.closing(sqlite3.connect(f"file:{data}/capacitor.sqlite3?mode=ro", uri=True, timeout=30)) as opened:
        return opened.execute(query, parameters).fetchall()
