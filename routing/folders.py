"""The data folder (CAPACITOR_DATA_DIR), and what lies in it."""

from pathlib import Path

from django.conf import settings


def data_folder() -> Path:
    """Everything that the router keeps, but a database on a server."""
    folder: Path = settings.CAPACITOR.data_dir
    return folder


def spool_folder() -> Path:
    """Where received files live."""
    return data_folder() / "spool"


def run_folder() -> Path:
    """Presence files and wake-up sockets of this machine's processes."""
    return data_folder() / "run"
