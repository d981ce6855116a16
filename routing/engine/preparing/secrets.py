"""What the environment must not tell scripts: passwords and keys, which the settings have read already."""

from __future__ import annotations

import os

from django.db import connection

from routing.processes.initial_environment import SECRETS


def hide() -> None:
    """
    Take the secrets out of this process's environment.

    Scripts see it by os.getenv, and processes that they start inherit it.  What it was at the start is blank by now.
    Other variables stay: scripts may have their own.
    """
    # The driver would look for it there with each new connection.
    if connection.vendor == "postgresql" and not connection.settings_dict["PASSWORD"]:
        connection.settings_dict["PASSWORD"] = os.environ.get("PGPASSWORD", "")
    for name in SECRETS:
        os.environ.pop(name, None)
