"""Make nodes, senders and scripts what a configuration directory says."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from routing.configuration.apply import import_directory
from scripts_app.configuration.problem import ConfigurationError


class Command(BaseCommand):
    help = "Read nodes.yml, senders.yml, lua.yml and the .lua files of a directory, show what changes, and change it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("directory", type=Path, metavar="DIR")
        parser.add_argument("--plan", action="store_true", help="only show what would change")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            plan = import_directory(options["directory"], actor="import_config", only_plan=options["plan"])
        except ConfigurationError as error:
            for problem in error.problems:
                self.stderr.write(str(problem))
            count = len(error.problems)
            self.stderr.write(f"{count} mistake{'s' if count > 1 else ''}; nothing was changed")
            sys.exit(2)
        for line in plan.lines():
            self.stdout.write(line)
        done = "planned, not applied" if options["plan"] else "applied"
        self.stdout.write(f"{done}: {plan.summary()}" if plan.steps else plan.summary())
