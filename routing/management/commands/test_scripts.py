"""Run the tests stored with the scripts over the active scripts, the draft, or a configuration directory."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from scripts_app import loader
from scripts_app.activation import stored_collection
from scripts_app.configuration.problem import ConfigurationError
from scripts_app.core.collection import collection_of
from scripts_app.draft import working
from scripts_app.trying.script_tests import run_all


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--draft", action="store_true", help="what the script pages show to authors")
        which.add_argument(
            "--config", type=Path, metavar="DIR", help="a configuration directory; nodes stay the router's"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit code 1 when a test fails, 2 when the directory cannot be read."""
        try:
            if options["config"]:
                content = collection_of(loader.from_directory(options["config"]))
            else:
                content = working().content if options["draft"] else stored_collection()
        except ConfigurationError as error:
            self.stderr.write(str(error))
            sys.exit(2)
        runs = run_all(content)
        for run in runs:
            self.stdout.write(f"{'FAILED' if run.problems else 'ok':<8}{run.test.name}")
            for problem in run.problems:
                self.stdout.write(f"        {problem}")
        failed = sum(bool(run.problems) for run in runs)
        self.stdout.write(f"{failed} of {len(runs)} tests failed" if failed else f"all {len(runs)} tests passed")
        sys.exit(bool(failed))
