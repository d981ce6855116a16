"""Check the chain of the audit log: finds records that were changed, removed, put in or reordered."""

import json
import re
from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from routing.audit.chain import Examination, verify
from routing.audit.store import are_waiting, waiting_file


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--head", type=head, metavar="LINK:HASH", help="a former head, which must still be there")
        parser.add_argument("--json", action="store_true", help="for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        found = verify(options["head"] or "")
        self.stdout.write(json.dumps(as_json(found)) if options["json"] else as_text(found))
        if found.findings:
            raise SystemExit(1)


def head(text: str) -> str:
    """A head as it was noted: one that is cut off, or mistyped, says nothing of the log."""
    if not re.fullmatch(r"[0-9]+:[0-9a-f]{64}", text):
        raise ArgumentTypeError(
            f"{text!r} is no head: it is a number, a colon and 64 hexadecimal digits, such as 17:3f9c…"
        )
    return text


def as_json(found: Examination) -> dict[str, Any]:
    return {
        "sound": not found.findings,
        "findings": list(found.findings),
        "sealed": found.sealed,
        "not_sealed_yet": found.open,
        "head": found.head,
        "since": found.since and found.since.isoformat(),
    }


def as_text(found: Examination) -> str:
    lines = [f"FOUND: {finding}" for finding in found.findings]
    since = f" since {found.since:%Y-%m-%d}" if found.since else ""
    verdict = "The audit log is NOT as it was written" if found.findings else "The audit log is as it was written"
    lines.append(f"{verdict}: {found.sealed} records{since} checked, {found.open} not sealed yet.")
    if are_waiting():
        lines.append(f"Records wait in {waiting_file()} for the database.")
    if found.head:
        lines.append(
            f"Head: {found.head}  (note it elsewhere; verify_audit --head checks later that it is still there)"
        )
    return "\n".join(lines)
