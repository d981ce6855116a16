"""The application log and the audit log (D14): filtered, live, and as files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.contrib.auth.decorators import permission_required
from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseBase
from django.views.decorators.http import require_GET

from routing.core.identifiers import identifier_in
from routing.forms.log_filter import BY_SCRIPT, WINDOW, LogFilter
from routing.models import ApplicationLogLine, AuditRecord
from routing.people.sight import Sight
from routing.selecting.keyset import KeysetPage, keyset_page, page_or_head
from routing.showing.audit_detail import detail_of
from routing.views.request import HtmxHttpRequest, draw
from routing.views.row_file import CSV, Format, Row, csv_text, row_file

PAGE = 100


def _json_lines(rows: Sequence[Row], first: bool) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


FORMATS = {
    "csv": Format("csv", CSV, lambda rows, first: csv_text(rows, rows[0] if first and rows else ())),
    "jsonl": Format("jsonl", "application/x-ndjson", _json_lines),
}
"""Who finds nothing gets a file of no bytes."""


@require_GET
@permission_required("routing.view_applicationlogline", raise_exception=True)
def application_log(request: HtmxHttpRequest) -> HttpResponse:
    sight, chosen = _asked(request)
    page, cut = _page(chosen, chosen.lines(), request)
    told = [(line, told_message(line, sight)) for line in page.rows]
    context = {"form": chosen, "page": page, "told": told, "filtered": chosen.narrows, "cut": cut}
    return draw(request, "routing/application_log.html", "routing/_application_log.html", context)


@require_GET
@permission_required("routing.view_auditrecord", raise_exception=True)
def audit_log(request: HtmxHttpRequest) -> HttpResponse:
    sight, chosen = _asked(request)
    page, cut = _page(chosen, chosen.records(), request)
    context = {"form": chosen, "page": page, "sight": sight, "filtered": chosen.narrows, "cut": cut}
    return draw(request, "routing/audit_log.html", "routing/_audit_log.html", context)


@require_GET
@permission_required("routing.view_applicationlogline", raise_exception=True)
def application_log_file(request: HtmxHttpRequest, kind: str) -> HttpResponseBase:
    sight, chosen = _asked(request)

    def row(line: ApplicationLogLine) -> Row:
        told = {"at": line.at.isoformat(), "level": line.level, "process": line.process, "logger": line.logger}
        return {**told, "message": told_message(line, sight)}

    return row_file(request, "application log", FORMATS[kind], chosen, chosen.lines(), row)


@require_GET
@permission_required("routing.view_auditrecord", raise_exception=True)
def audit_log_file(request: HtmxHttpRequest, kind: str) -> HttpResponseBase:
    sight, chosen = _asked(request)

    def row(record: AuditRecord) -> Row:
        told = {"at": record.at.isoformat(), "actor": record.actor, "address": record.address}
        told |= {"action": record.action, "outcome": record.outcome, "object": record.object}
        return {**told, "detail": "; ".join(f"{name} {value}" for name, value in detail_of(record.detail, sight))}

    return row_file(request, "audit log", FORMATS[kind], chosen, chosen.records(), row)


def told_message(line: ApplicationLogLine, sight: Sight) -> str:
    """The line as this person may read it: what a script wrote may quote a patient's values."""
    by_script = line.message.startswith(BY_SCRIPT)
    return BY_SCRIPT + sight.by_script(line.message.removeprefix(BY_SCRIPT)) if by_script else line.message


def _page(chosen: LogFilter, rows: QuerySet[Any], request: HtmxHttpRequest) -> tuple[KeysetPage[Any], int]:
    """A page of these rows, and how many were looked at when there may be more to find further back; else 0."""
    floor = chosen.floor(rows.model, identifier_in(request.GET.get("before")))
    if floor is None or "after" in request.GET:
        return page_or_head(lambda query: keyset_page(rows, query, PAGE), request.GET), 0
    page = keyset_page(rows.filter(pk__gt=floor), request.GET, PAGE)
    if page.older is not None:
        return page, 0
    return replace(page, older=floor + 1), WINDOW


def _asked(request: HtmxHttpRequest) -> tuple[Sight, LogFilter]:
    sight = Sight.of(request.user)
    return sight, LogFilter(request.GET, sight=sight)
