"""Make sample nodes, senders and scripts where there are none yet."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from routing.demo.install import install
from routing.demo.places import first_destination_port


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--first-port", type=int, help="of the sample destinations; else listener's port + 10")

    def handle(self, *args: Any, **options: Any) -> None:
        for line in install(options["first_port"] or first_destination_port()):
            self.stdout.write(line)
