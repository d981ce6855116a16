"""The application log and the audit log (D14): filtered, live, and as files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any, cast

from channels.db import database_sync_to_async
from django.contrib.auth.decorators import permission_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from routing.audit import audit
from routing.core.identifiers import identifier_in
from routing.models import ApplicationLogLine, AuditRecord
from routing.sight import Sight
from routing.templatetags.queue_tags import detail_of
from routing.views.keyset import KeysetPage, keyset_page, page_or_head
from routing.views.log_filter import BY_SCRIPT, WINDOW, LogFilter
from routing.views.queue_export import harmless
from routing.views.request import HtmxHttpRequest, draw

PAGE = 100
CHUNK = 1000
"""Rows of a file that are in memory at once."""

Row = dict[str, Any]


@require_GET
@permission_required("routing.view_applicationlogline", raise_exception=True)
def application_log(request: HttpRequest) -> HttpResponse:
    visitor, sight, chosen = _asked(request)
    page, cut = _page(chosen, chosen.lines(), visitor)
    told = [(line, told_message(line, sight)) for line in page.rows]
    context = {"form": chosen, "page": page, "told": told, "filtered": chosen.narrows, "cut": cut}
    return draw(visitor, "routing/application_log.html", "routing/_application_log.html", context)


@require_GET
@permission_required("routing.view_auditrecord", raise_exception=True)
def audit_log(request: HttpRequest) -> HttpResponse:
    visitor, sight, chosen = _asked(request)
    page, cut = _page(chosen, chosen.records(), visitor)
    context = {"form": chosen, "page": page, "sight": sight, "filtered": chosen.narrows, "cut": cut}
    return draw(visitor, "routing/audit_log.html", "routing/_audit_log.html", context)


@require_GET
@permission_required("routing.view_applicationlogline", raise_exception=True)
def application_log_file(request: HttpRequest, kind: str) -> HttpResponseBase:
    _, sight, chosen = _asked(request)

    def row(line: ApplicationLogLine) -> Row:
        told = {"at": line.at.isoformat(), "level": line.level, "process": line.process, "logger": line.logger}
        return {**told, "message": told_message(line, sight)}

    return _file(request, "application log", kind, chosen, chosen.lines(), row)


@require_GET
@permission_required("routing.view_auditrecord", raise_exception=True)
def audit_log_file(request: HttpRequest, kind: str) -> HttpResponseBase:
    _, sight, chosen = _asked(request)

    def row(record: AuditRecord) -> Row:
        told = {"at": record.at.isoformat(), "actor": record.actor, "address": record.address}
        told |= {"action": record.action, "outcome": record.outcome, "object": record.object}
        return {**told, "detail": "; ".join(f"{name} {value}" for name, value in detail_of(record.detail, sight))}

    return _file(request, "audit log", kind, chosen, chosen.records(), row)


def told_message(line: ApplicationLogLine, sight: Sight) -> str:
    """The line as this person may read it: what a script wrote may quote a patient's values."""
    by_script = line.message.startswith(BY_SCRIPT)
    return BY_SCRIPT + sight.by_script(line.message.removeprefix(BY_SCRIPT)) if by_script else line.message


def _page(chosen: LogFilter, rows: QuerySet[Any], visitor: HtmxHttpRequest) -> tuple[KeysetPage[Any], int]:
    """A page of these rows, and how many were looked at when there may be more to find further back; else 0."""
    floor = chosen.floor(rows.model, identifier_in(visitor.GET.get("before")))
    if floor is None or "after" in visitor.GET:
        return page_or_head(lambda query: keyset_page(rows, query, PAGE), visitor.GET), 0
    page = keyset_page(rows.filter(pk__gt=floor), visitor.GET, PAGE)
    if page.older is not None:
        return page, 0
    return replace(page, older=floor + 1), WINDOW


def _asked(request: HttpRequest) -> tuple[HtmxHttpRequest, Sight, LogFilter]:
    visitor = cast(HtmxHttpRequest, request)
    sight = Sight.of(visitor.user)
    return visitor, sight, LogFilter(visitor.GET, sight=sight)


def _file(
    request: HttpRequest, name: str, kind: str, chosen: LogFilter, rows: QuerySet[Any], told: Callable[[Any], Row]
) -> HttpResponseBase:
    """The rows, newest first, as CSV or as one JSON object a line; whoever takes one is noted."""
    if chosen.errors:
        return chosen.no_file()
    audit(request.user.get_username(), f"export {kind}", name, filter=request.GET.urlencode())

    def chunk(last: int | None) -> tuple[list[Row], int | None]:
        found = list((rows if last is None else rows.filter(pk__lt=last)).order_by("-pk")[:CHUNK])
        return [told(row) for row in found], found[-1].pk if len(found) == CHUNK else None

    async def pieces() -> AsyncIterator[str]:
        # Page by page: no statement stays open while a slow reader takes its time.
        last: int | None = None
        first = True
        while first or last is not None:
            part, last = await database_sync_to_async(chunk)(last)
            yield _csv(part, heading=first) if kind == "csv" else "".join(f"{json.dumps(row)}\n" for row in part)
            first = False

    file_name = f"{name.replace(' ', '-')}-{timezone.localtime():%Y%m%d-%H%M%S}.{kind}"
    content_type = "text/csv; charset=utf-8" if kind == "csv" else "application/x-ndjson"
    return StreamingHttpResponse(
        pieces(), content_type=content_type, headers={"Content-Disposition": f'attachment; filename="{file_name}"'}
    )


def _csv(rows: Sequence[Row], *, heading: bool) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    if heading and rows:
        writer.writerow(rows[0])
    writer.writerows([harmless(value) for value in row.values()] for row in rows)
    return text.getvalue()
