"""What a filtered list finds as a file: newest first, page by page, so that neither memory nor database is held."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from channels.db import database_sync_to_async
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone

from routing.audit.log import audit
from routing.forms.filtering import FilterForm

Row = dict[str, Any]

CSV = "text/csv; charset=utf-8"
CHUNK = 1000
"""Rows that are in memory at once."""
_ACTIVE = re.compile("(^(?=[\t\r\n])|(?:^|[;\r\n])(?=[=+@\uff1d\uff0b\uff20\uff0d-]))")
"""
Where a spreadsheet would take a text for a formula: at its beginning, and behind a semicolon or the end of a line.

Where the comma is that of decimals a semicolon parts the columns, and what this file has in quotes is none to it.
"""


@dataclass(frozen=True, slots=True)
class Format:
    """How the rows are written."""

    kind: str
    """The ending of the file's name."""
    content_type: str
    write: Callable[[Sequence[Row], bool], str]
    """Some rows, perhaps none; True: they are the first."""
    tail: str = ""


def row_file(
    request: HttpRequest, name: str, form: Format, chosen: FilterForm, rows: QuerySet[Any], told: Callable[[Any], Row]
) -> HttpResponseBase:
    """``told`` makes a row of the file from one of the table; whoever takes a file is noted."""
    if chosen.errors:
        return chosen.no_file()
    audit(request.user.get_username(), f"export {form.kind}", name, filter=request.GET.urlencode())

    def chunk(last: int | None) -> tuple[list[Row], int | None]:
        found = list((rows if last is None else rows.filter(pk__lt=last)).order_by("-pk")[:CHUNK])
        return [told(row) for row in found], found[-1].pk if len(found) == CHUNK else None

    async def pieces() -> AsyncIterator[str]:
        # No statement stays open while a slow reader takes its time.
        last: int | None = None
        first = True
        while first or last is not None:
            part, last = await database_sync_to_async(chunk)(last)
            yield form.write(part, first)
            first = False
        yield form.tail

    file_name = f"{name.replace(' ', '-')}-{timezone.localtime():%Y%m%d-%H%M%S}.{form.kind}"
    headers = {"Content-Disposition": f'attachment; filename="{file_name}"'}
    return StreamingHttpResponse(pieces(), content_type=form.content_type, headers=headers)


def csv_text(rows: Iterable[Row], heading: Iterable[str] = ()) -> str:
    """Rows of equal columns for spreadsheets, below a heading if there is one."""
    text = io.StringIO()
    writer = csv.writer(text)
    if columns := list(heading):
        writer.writerow(columns)
    writer.writerows([harmless(value) for value in row.values()] for row in rows)
    return text.getvalue()


def harmless(value: Any) -> Any:
    """A text that no spreadsheet takes for a formula: with an apostrophe wherever one would begin."""
    return _ACTIVE.sub(r"\1'", value) if isinstance(value, str) else value
