"""The configuration as text beside the spool, so that a lost database does not take nodes and scripts with it."""

from __future__ import annotations

import logging
from pathlib import Path

from django.conf import settings
from django.db import Error as DatabaseProblem

from routing.configuration.export import export_directory
from routing.models import Node
from scripts_app.configuration.problem import ConfigurationError

log = logging.getLogger("capacitor.housekeeping")

FOLDER = "configuration"
"""In the data folder."""


def keep_configuration() -> None:
    """
    Write an export where it has changed.

    Not while there is no node at all: a database that was lost and made anew
    must not take the kept nodes with it.
    """
    try:
        if Node.objects.exists():
            export_directory(Path(settings.DATA_DIR) / FOLDER, prune=True)
    except (OSError, ConfigurationError, DatabaseProblem) as error:
        log.warning("the configuration could not be kept as text: %s", error)
