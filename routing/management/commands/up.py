"""Run the whole router on this machine: web site, DICOM listeners and queue workers, until told to stop."""

import logging
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from routing.database import database_file
from routing.processes import application_log
from routing.processes.supervisor import Service, Supervisor

KEPT_CHUNKS = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=4096:glibc.malloc.tcache_max=136"}
"""
A Lua VM makes and frees some thousand small pieces of memory; kept at hand, they make an image a tenth cheaper.

Only the small ones: as many of every size up to a kilobyte, glibc's own bound, grew to 30 MB in each process.
"""


log = logging.getLogger("capacitor.supervisor")
SERVED = "capacitor_web.served:application"
ALIVE_WITHIN = 120.0
"""Seconds; the units of docs/systemd say the same (WatchdogSec)."""


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--demo", action="store_true", help="with sample nodes, scripts, senders and destinations")

    def handle(self, *args: Any, **options: Any) -> None:
        service = settings.CAPACITOR
        try:
            database_file.look()
        except database_file.DatabaseInDanger as danger:
            raise CommandError(str(danger)) from danger
        if why := database_file.not_up_to_date():
            raise CommandError(why)
        application_log.start("supervisor", service.data_dir / "logs", service.log_level, database=False)
        try:
            call_command("first_administrator", verbosity=0)
        except CommandError as problem:
            # Images flow without anybody who may change users.
            log.error("%s", problem)
        services = self._services()
        if options["demo"]:
            call_command("demo_data")
            services += [
                Service("demo destination", self._command("demo_destination"), stop_after=3),
                Service("demo modality", self._command("demo_modality"), stop_after=0),
            ]
        self.stdout.write(f"Web site        http://{service.web_host}:{service.web_port}/")
        self.stdout.write(f"DICOM listener  {service.ae_title} on port {service.dicom_port}")
        self.stdout.write(f"Data            {service.data_dir}")
        self.stdout.flush()
        Supervisor(services).run()

    def _services(self) -> list[Service]:
        service = settings.CAPACITOR
        share = ["--share-port"] if service.listeners > 1 else []
        listener, worker = self._command("dicom_listener", *share), self._command("queue_worker")
        where = ["--bind", service.web_host, "--port", str(service.web_port)]
        return [
            *(
                Service(f"listener {number}", listener, stop_after=1, alive_within=ALIVE_WITHIN)
                for number in range(1, service.listeners + 1)
            ),
            *(
                Service(f"worker {number}", worker, stop_after=2, environment=KEPT_CHUNKS, alive_within=ALIVE_WITHIN)
                for number in range(1, service.workers + 1)
            ),
            Service("web site", [sys.executable, "-m", "daphne", *where, "--verbosity", "0", SERVED], stop_after=4),
        ]

    def _command(self, name: str, *arguments: str) -> list[str]:
        return [sys.executable, sys.argv[0], name, *arguments]
