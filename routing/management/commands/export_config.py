"""Write nodes, senders and scripts as a configuration directory."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from routing.configuration.export import export_directory
from scripts_app.configuration.problem import ConfigurationError


class Command(BaseCommand):
    help = "Write config.yml, nodes.yml, senders.yml, lua.yml and the .lua files, as import_config reads them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("directory", type=Path, metavar="DIR")
        parser.add_argument("--prune", action="store_true", help="remove .lua files that are not part of it")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = export_directory(options["directory"], prune=options["prune"])
        except ConfigurationError as error:
            for problem in error.problems:
                self.stderr.write(str(problem))
            sys.exit(2)
        except OSError as error:
            self.stderr.write(f"{error.filename}: {error.strerror}")
            sys.exit(2)
        for line in done:
            self.stdout.write(line)
        if not done:
            self.stdout.write("nothing to change")
