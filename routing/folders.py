"""The data folder, and the spool in it (CAPACITOR_DATA_DIR)."""

from pathlib import Path

from django.conf import settings


def data_folder() -> Path:
    """Everything that the router keeps, but a database on a server."""
    folder: Path = settings.CAPACITOR.data_dir
    return folder


def spool_folder() -> Path:
    """Where received files live."""
    return data_folder() / "spool"
