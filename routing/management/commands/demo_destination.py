"""Run the sample destinations until told to stop."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from routing.demo.destination import run
from routing.demo.places import first_destination_port
from routing.demo.signals import stop_on_signal
from routing.dicom.storage_scp import CannotListen
from routing.processes import application_log


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--first-port", type=int, help="the others follow; else listener's port + 10")

    def handle(self, *args: Any, **options: Any) -> None:
        service = settings.CAPACITOR
        # Each association would be told twice: by the router, and here.
        application_log.start("demo destination", service.data_dir / "logs", "WARNING", database=False)
        with TemporaryDirectory(prefix="demo-destination-") as folder:
            try:
                run(Path(folder), options["first_port"] or first_destination_port(), stop_on_signal())
            except CannotListen as error:
                raise CommandError(str(error)) from error
