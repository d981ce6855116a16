"""Try the scripts on a DICOM file without storing or sending anything, and show what they come to."""

import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import Error as DatabaseProblem

from routing.trials.dry_run import UnknownTitle, active, of_directory, try_file
from scripts_app.configuration.problem import ConfigurationError
from scripts_app.dry_running.dry_run import UnusableFile
from scripts_app.dry_running.result import in_words


class Command(BaseCommand):
    help = __doc__ or ""
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--source", required=True, metavar="AE", help="AE title of the sender")
        parser.add_argument("--destination", required=True, metavar="AE", help="AE title that the sender called")
        parser.add_argument(
            "--config", type=Path, metavar="DIR", help="a configuration directory instead of the active entries"
        )
        parser.add_argument("--json", action="store_true", help="the result as JSON")
        parser.add_argument("--output", type=Path, metavar="DIR", help="write each resulting file into this folder")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            setting = active() if options["config"] is None else of_directory(options["config"])
            result = try_file(options["file"], options["source"], options["destination"], setting, options["output"])
        except ConfigurationError as error:
            more = len(error.problems) - 1
            self._refuse(f"{error.problems[0]}{f' (and {more} more; import_config lists all)' if more else ''}")
        except (UnusableFile, UnknownTitle) as error:
            self._refuse(str(error))
        except DatabaseProblem as error:
            self._refuse(f"the database cannot be used: {error}")
        else:
            self.stdout.write(json.dumps(result, indent=2) if options["json"] else in_words(result))

    def _refuse(self, reason: str) -> None:
        self.stderr.write(" ".join(reason.split()))
        sys.exit(2)
