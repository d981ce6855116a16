"""Write the bill of materials (CycloneDX JSON): every package of the lock with its hashes, and what the site serves."""

import json
import tomllib
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from capacitor_web.supply import ROOT, bill_of_materials, components


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, help="where to; without it, standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
        text = json.dumps(bill_of_materials(components(), version), indent=1) + "\n"
        if options["file"]:
            try:
                options["file"].write_text(text, encoding="utf-8")
            except OSError as error:
                raise CommandError(f"{options['file']} cannot be written: {error.strerror}") from error
        else:
            self.stdout.write(text, ending="")
