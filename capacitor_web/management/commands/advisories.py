"""Ask a public service (OSV) whether security advisories are known for the packages of the lock."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from capacitor_web.supply import ADVISORIES, NotReachable, advisories, components


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--only-tell", action="store_true", help="end with 0 also when there are some")

    def handle(self, *args: Any, **options: Any) -> None:
        found = components()
        try:
            known = advisories(found)
        except NotReachable as why:
            self.stdout.write(f"NOT CHECKED: {ADVISORIES} does not answer ({why}).")
            return
        for purl, ids in known.items():
            self.stdout.write(f"{purl}: {', '.join(ids)}")
        self.stdout.write(f"{len(found)} components asked for, {len(known)} with known advisories.")
        if known and not options["only_tell"]:
            raise SystemExit(1)
