"""Put a backup back into an empty data folder, verified before and after; nothing is overwritten."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from routing.backup.copies import BackupProblem
from routing.backup.restore import restore


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("directory", type=Path, metavar="DIR", help="the backup")
        parser.add_argument("--pause", action="store_true", help="pause every node: nothing is sent before you resume")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            backup = restore(options["directory"], pause=options["pause"], say=self.stdout.write)
        except BackupProblem as problem:
            raise CommandError(str(problem)) from problem
        except OSError as error:
            raise CommandError(f"the backup could not be restored: {error}") from error
        self.stdout.write(
            f"restored: the backup of {backup.manifest['made_at']}, {backup.manifest['files']} files. What was waiting"
            " then waits now, and is sent again when it has been delivered since"
        )
