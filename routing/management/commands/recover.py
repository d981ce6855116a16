"""Make a lost or damaged database anew: configuration from a backup or an export, the queue from the spool."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from routing.backup.copies import BackupProblem
from routing.backup.recover import Recovery, recover
from routing.models import QueueItem


class Command(BaseCommand):
    help = __doc__ or ""
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--from",
            dest="source",
            type=Path,
            metavar="DIR",
            help="a backup or an export; else the newest backup that is known, else the configuration kept here",
        )
        parser.add_argument("--without-configuration", action="store_true", help="go on when none of these is there")
        parser.add_argument("--pause", action="store_true", help="pause every node: nothing is sent before you resume")
        parser.add_argument(
            "--spool-is-lost", action="store_true", help="it is not just unmounted: fail the items whose files are lost"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = recover(
                options["source"],
                without_configuration=options["without_configuration"],
                pause=options["pause"],
                spool_is_lost=options["spool_is_lost"],
                say=self.stdout.write,
            )
        except BackupProblem as problem:
            raise CommandError(str(problem)) from problem
        except OSError as error:
            raise CommandError(f"the database could not be recovered: {error}") from error
        for line in told(done):
            self.stdout.write(line)


def told(done: Recovery) -> list[str]:
    """What was made again, and what was not, line by line."""
    lines = [f"configuration: {done.source}" if done.source else "configuration: none"]
    lines += [f"changed since the backup: {step}" for step in done.caught_up]
    if done.moved_to:
        lines.append(f"the database that was there is kept in {done.moved_to}")
    if done.set_aside:
        lines.append(
            f"nodes, senders or scripts were others at last, and are kept in {done.set_aside}:"
            f" import_config {done.set_aside} --plan shows what differs"
        )
    if done.not_taken:
        lines.append(f"every node is paused, because they could not be taken: {done.not_taken}")
    if done.placeholders:
        lines.append(f"paused nodes made from called AE titles: {', '.join(done.placeholders)}")
    lines.append(f"{done.adopted} files of the spool have rows again")
    if done.missing:
        lines.append(f"{done.missing} items failed: their files are missing from the spool")
    if done.unreadable:
        lines.append(f"{len(done.unreadable)} files are no DICOM files and stay where they are (see the log)")
    lines += [f"not made again: {what}" for what in done.lost]
    states = ", ".join(f"{count} {state}" for state, count in QueueItem.objects.counts().items() if count)
    lines.append(f"queue: {states or 'empty'}")
    return lines
