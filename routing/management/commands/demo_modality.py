"""Keep sending synthetic studies to the router until told to stop."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from routing.demo.modality import Router, run
from routing.demo.places import listener_address
from routing.demo.signals import stop_on_signal
from routing.processes import application_log


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", help="of the router; else this machine")
        parser.add_argument("--port", type=int, help="of the router's listener; else CAPACITOR_DICOM_PORT")
        parser.add_argument("--called", default="PACS", metavar="AE", help="called AE title (default PACS)")
        parser.add_argument("--pause", type=float, default=20.0, metavar="SECONDS", help="between studies (default 20)")

    def handle(self, *args: Any, **options: Any) -> None:
        service = settings.CAPACITOR
        application_log.start("demo modality", service.data_dir / "logs", service.log_level, database=False)
        host, port = listener_address()
        router = Router(options["host"] or host, options["port"] or port, options["called"])
        run(router, options["pause"], stop_on_signal())
