"""Receive images by C-STORE into the durable queue until told to stop; any number of these may run."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from routing.database import database_file
from routing.dicom.storage_scp import CannotListen
from routing.dicom.tls import WrongTlsFiles
from routing.engine.receiving import process as listening
from routing.queue.spool import open_spool
from routing.spool.spool import SpoolGone


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, help="instead of CAPACITOR_DICOM_PORT; 0: any free one")
        parser.add_argument("--share-port", action="store_true", help="let several listeners share the port")
        parser.add_argument("--drain", type=float, default=20.0, metavar="SECONDS", help="time to finish at the end")

    def handle(self, *args: Any, **options: Any) -> None:
        port = settings.CAPACITOR.dicom_port if options["port"] is None else options["port"]
        try:
            try:
                database_file.look_where_it_answers()
            except database_file.Outdated as outdated:
                self.stderr.write(f"{outdated}. Until then received images wait in the spool.")
            open_spool()
            listening.run(port, share_port=options["share_port"], drain_seconds=options["drain"])
        except (CannotListen, WrongTlsFiles, database_file.DatabaseInDanger) as error:
            raise CommandError(str(error)) from error
        except SpoolGone as error:
            raise CommandError(error.strerror) from error
