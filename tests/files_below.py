"""The files of a spool in which processes are at work."""

import os
from pathlib import Path


def files_below(folder: Path, ending: str = "") -> list[Path]:
    """In all its folders; one that goes away meanwhile is passed over, where Path.rglob breaks off."""
    found = (Path(where) / name for where, _, names in os.walk(folder) for name in names)
    return [path for path in found if path.name.endswith(ending)]
