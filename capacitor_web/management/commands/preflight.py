"""Say what would keep the router from starting here: settings, data folder, certificates, ports, database."""

from typing import Any

from django.conf import settings
from django.core.checks import ERROR, run_checks
from django.core.management.base import BaseCommand

from capacitor_web.checks import database_in_danger, rights_of_workers, sentence, taken_ports, unusable_database


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = ()
    """Those of the settings run below, where each becomes one sentence; those of the code are ./check's."""

    def handle(self, *args: Any, **options: Any) -> None:
        service = settings.CAPACITOR
        found = [*run_checks(tags=["settings"]), *taken_ports(service), *rights_of_workers(service)]
        # A damaged file does not open either; what helps is said once.
        found += [*database_in_danger(service)] or [*unusable_database(service)]
        for message in found:
            self.stderr.write(sentence(message))
        if any(message.level >= ERROR for message in found):
            raise SystemExit(1)
