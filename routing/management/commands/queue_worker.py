"""Prepare and deliver queue items until told to stop; any number of these may run."""

from argparse import ArgumentParser
from collections.abc import Callable
from functools import partial
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from routing.backup.kept import keep_configuration
from routing.database import database_file
from routing.engine.delivering import process as delivering
from routing.engine.housekeeping import process as housekeeping
from routing.engine.housekeeping.service_start import ServiceStart
from routing.engine.preparing import process as preparing
from routing.engine.rehearsing import process as rehearsing
from routing.engine.watching.watch import Casualty, Watch
from routing.engine.watching.watchdog import Role, Watchdog
from routing.operating.behind import note_broken_off
from routing.processes import application_log, capabilities
from routing.processes.sd_notify import Notifier
from routing.queue.spool import open_spool
from routing.spool.spool import SpoolGone


def _now_and_then() -> None:
    """What housekeeping does for those that stand above it."""
    keep_configuration()
    note_broken_off()


ROLES: dict[str, Callable[[Watch, Casualty | None], None]] = {
    "prepare": preparing.run,
    "deliver": delivering.run,
    "housekeep": partial(housekeeping.run, now_and_then=_now_and_then, start=ServiceStart.of_environment()),
    "rehearse": rehearsing.run,
}


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--role",
            action="append",
            choices=sorted(ROLES),
            help="run only this part (may be given several times); default: all",
        )
        parser.add_argument("--drain", type=float, default=30.0, metavar="SECONDS", help="time to finish at the end")

    def handle(self, *args: Any, **options: Any) -> None:
        service = settings.CAPACITOR
        roles = options["role"] or ROLES
        # Each image would fail otherwise.
        if "prepare" in roles and (why := capabilities.not_as(service.script_user)):
            raise CommandError(f"{why} See {capabilities.WHO_GRANTS}.")
        try:
            database_file.look_where_it_answers()
            open_spool()
        except database_file.DatabaseInDanger as danger:
            raise CommandError(str(danger)) from danger
        except SpoolGone as error:
            raise CommandError(error.strerror) from error
        # No database handler: its thread and connection must not be there when children are forked.
        application_log.start("watchdog", service.data_dir / "logs", service.log_level, database=False)
        Watchdog(
            [Role(name, ROLES[name], changes_user=name == "prepare" and bool(service.script_user)) for name in roles],
            time_message=preparing.prepare_settings().limits.time_message,
            drain_seconds=options["drain"],
            notifier=Notifier(),
        ).run()
