"""The configuration as text beside the spool, so that a lost database does not take nodes and scripts with it."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

from django.db import Error as DatabaseProblem

from routing.configuration import nodes_yml
from routing.configuration.export import export_directory
from routing.folders import data_folder
from routing.models import Node
from scripts_app.configuration.problem import ConfigurationError

log = logging.getLogger("capacitor.housekeeping")

FOLDER = "configuration"
"""In the data folder."""


def kept_folder() -> Path:
    return data_folder() / FOLDER


def is_kept() -> bool:
    return (kept_folder() / nodes_yml.FILE).exists()


def changed_since(moment: datetime) -> bool:
    """Whether nodes, senders or scripts were written there after this moment: only what has changed is."""
    files = (path for path in kept_folder().rglob("*") if path.is_file())
    return any(path.stat().st_mtime > moment.timestamp() for path in files)


def set_aside() -> Path:
    """Move what is kept to where housekeeping does not write over it; answer where that is."""
    folder = kept_folder()
    return folder.rename(folder.with_name(f"{FOLDER}-{datetime.now(UTC):%Y%m%dT%H%M%S}"))


def keep_configuration() -> None:
    """
    Write an export where it has changed.

    Not while there is no node at all: a database that was lost and made anew
    must not take the kept nodes with it.
    """
    try:
        if Node.objects.exists():
            export_directory(kept_folder(), prune=True)
    except (OSError, ConfigurationError, DatabaseProblem) as error:
        log.warning("the configuration could not be kept as text: %s", error)
