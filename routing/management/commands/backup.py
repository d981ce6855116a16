"""Save database, spool and configuration into a new folder, while the router runs or not, and verify the copy."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from routing.backup.copies import BackupProblem
from routing.backup.make import make_backup


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("directory", type=Path, metavar="DIR", help="must not exist, or be empty")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = make_backup(options["directory"], say=self.stdout.write)
        except BackupProblem as problem:
            raise CommandError(f"no backup was made: {problem}") from problem
        except OSError as error:
            raise CommandError(f"no backup was made: {error}") from error
        waiting = sum(made.states[state] for state in ("New", "Prepared"))
        self.stdout.write(
            f"{made.folder}: database, {made.files} files, {made.size >> 20} MiB, verified; {waiting} items wait in it"
        )
