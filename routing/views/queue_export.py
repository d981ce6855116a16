"""The list that the address asks for as a file: CSV for spreadsheets, JSON for programs."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, cast

from channels.db import database_sync_to_async
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from routing.audit import audit
from routing.models import QueueItem
from routing.queue_filter import QueueFilter
from routing.sight import Sight
from routing.views.request import HtmxHttpRequest

CHUNK = 1000
"""Rows that are in memory at once."""
PLAIN = (
    *(
        "id",
        "state",
        "copied_from",
        "replay_of",
        "source_ae_title",
        "destination_ae_title",
        "modality",
        "sop_class_uid",
        "sop_instance_uid",
    ),
    *("study_instance_uid", "series_instance_uid", "size", "attempt_count", "last_status", "warning"),
    *("created_at", "updated_at", "finished_at"),
)
PATIENTS = ("patient_id", "patient_name", "accession_number")
COLUMNS = (*PLAIN, *PATIENTS, "last_error")
_ITEMS = ("id", "copied_from", "replay_of")
"""Numbers of items, which are above 2^53: JavaScript and jq read another one in their place, but a text as it is."""
_ACTIVE = re.compile("(^(?=[\t\r\n])|(?:^|[;\r\n])(?=[=+@\uff1d\uff0b\uff20\uff0d-]))")
"""
Where a spreadsheet would take a text for a formula: at its beginning, and behind a semicolon or the end of a line.

Where the comma is that of decimals a semicolon parts the columns, and what this file has in quotes is none to it.
"""

Writer = Callable[[Iterable[dict[str, Any]], bool], str]


@require_GET
@permission_required("routing.view_queueitem", raise_exception=True)
def queue_csv(request: HttpRequest) -> HttpResponseBase:
    return _export(request, "csv", "text/csv; charset=utf-8", _csv, "")


@require_GET
@permission_required("routing.view_queueitem", raise_exception=True)
def queue_json(request: HttpRequest) -> HttpResponseBase:
    return _export(request, "json", "application/json", _json, "\n]\n")


def _export(request: HttpRequest, kind: str, content_type: str, write: Writer, tail: str) -> HttpResponseBase:
    visitor = cast(HtmxHttpRequest, request)
    sight = Sight.of(visitor.user)
    chosen = QueueFilter(visitor.GET, sight=sight)
    if chosen.errors:
        return chosen.no_file()
    audit(visitor.user.get_username(), f"export {kind}", "queue", filter=visitor.GET.urlencode())
    items = chosen.matching(QueueItem.objects.defer("recipe"))

    async def pieces() -> AsyncIterator[str]:
        # Newest first, page by page: no statement stays open while a slow reader takes its time.
        last: int | None = None
        while True:
            rows = await database_sync_to_async(_rows)(items, last, sight)
            yield write(rows, last is None)
            if len(rows) < CHUNK:
                break
            last = rows[-1]["id"]
        yield tail

    name = f"queue-{timezone.localtime():%Y%m%d-%H%M%S}.{kind}"
    return StreamingHttpResponse(
        pieces(), content_type=content_type, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


def _rows(items: Any, last: int | None, sight: Sight) -> list[dict[str, Any]]:
    page = items.order_by("-pk") if last is None else items.filter(pk__lt=last).order_by("-pk")
    return [_row(item, sight) for item in page[:CHUNK]]


def _row(item: QueueItem, sight: Sight) -> dict[str, Any]:
    row = {name: getattr(item, name) for name in PLAIN}
    row |= {name: sight.value(getattr(item, name)) for name in PATIENTS}
    row["last_error"] = sight.last_error(item)
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}


def _csv(rows: Iterable[dict[str, Any]], first: bool) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    if first:
        writer.writerow(COLUMNS)
    writer.writerows([harmless(row[name]) for name in COLUMNS] for row in rows)
    return text.getvalue()


def harmless(value: Any) -> Any:
    """A text that no spreadsheet takes for a formula: with an apostrophe wherever one would begin."""
    return _ACTIVE.sub(r"\1'", value) if isinstance(value, str) else value


def _json(rows: Iterable[dict[str, Any]], first: bool) -> str:
    return "".join(_lines(rows, first)) or ("[" if first else "")


def _lines(rows: Iterable[dict[str, Any]], first: bool) -> Iterator[str]:
    for row in rows:
        items = {name: str(row[name]) for name in _ITEMS if row[name] is not None}
        yield f"{'[' if first else ','}\n{json.dumps(row | items)}"
        first = False
