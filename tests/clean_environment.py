"""The environment of a process that tests start."""

import os

_SETTINGS = ("CAPACITOR_", "DATABASE_URL", "DJANGO_")


def without_settings() -> dict[str, str]:
    """That of the tests, without any setting of the router."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)}
