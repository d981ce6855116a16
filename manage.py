#!/usr/bin/env python
"""Run one of the router's commands; ``manage.py help`` lists them."""

import os
import sys


def main() -> None:
    from routing.processes.initial_environment import blank_secrets

    # First of all: until then others may read them.
    blank_secrets()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "capacitor_web.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import DatabaseError, OperationalError

    from routing.audit.origin import at_command_line

    at_command_line()
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"Cannot start: {error}")
    except OperationalError as error:
        from routing.database.database_file import sqlite_file
        from routing.database.full_disk import is_full, why_full

        if is_full(error):
            sys.exit(f"Cannot go on: {why_full(sqlite_file())}.")
        # Away, or without its tables; the place in Django where that was noticed helps nobody.
        sys.exit(f"The database cannot be used: {error} (./run install brings it up to date)")
    except DatabaseError as error:
        from routing.database.database_file import DatabaseInDanger, look

        try:
            look()
        except DatabaseInDanger as danger:
            sys.exit(f"Cannot go on: {danger}")
        raise error


if __name__ == "__main__":
    main()
