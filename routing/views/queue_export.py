"""The list that the address asks for as a file: CSV for spreadsheets, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponseBase
from django.views.decorators.http import require_GET

from routing.forms.queue_filter import QueueFilter
from routing.models import QueueItem
from routing.people.sight import Sight
from routing.views.request import HtmxHttpRequest
from routing.views.row_file import CSV, Format, Row, csv_text, row_file

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


@require_GET
@permission_required("routing.view_queueitem", raise_exception=True)
def queue_csv(request: HtmxHttpRequest) -> HttpResponseBase:
    return _export(request, Format("csv", CSV, lambda rows, first: csv_text(rows, COLUMNS if first else ())))


@require_GET
@permission_required("routing.view_queueitem", raise_exception=True)
def queue_json(request: HtmxHttpRequest) -> HttpResponseBase:
    return _export(request, Format("json", "application/json", _json, "\n]\n"))


def _export(request: HtmxHttpRequest, form: Format) -> HttpResponseBase:
    sight = Sight.of(request.user)
    chosen = QueueFilter(request.GET, sight=sight)
    items = chosen.matching(QueueItem.objects.defer("recipe"))
    return row_file(request, "queue", form, chosen, items, lambda item: _row(item, sight))


def _row(item: QueueItem, sight: Sight) -> Row:
    row: Row = {name: getattr(item, name) for name in PLAIN}
    row |= {name: sight.value(getattr(item, name)) for name in PATIENTS}
    row["last_error"] = sight.last_error(item)
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}


def _json(rows: Sequence[Row], first: bool) -> str:
    return "".join(_lines(rows, first)) or ("[" if first else "")


def _lines(rows: Iterable[Row], first: bool) -> Iterator[str]:
    for row in rows:
        items = {name: str(row[name]) for name in _ITEMS if row[name] is not None}
        yield f"{'[' if first else ','}\n{json.dumps(row | items)}"
        first = False
