"""What views share: the request's type, the row that a form is of, one way of drawing a page or its fragment."""

from __future__ import annotations

from typing import Any, TypeVar

from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django_htmx.middleware import HtmxDetails

from routing.trials.rehearsal import AUTHOR

authors_only = permission_required(AUTHOR, raise_exception=True)
_Row = TypeVar("_Row", bound=Model)


class HtmxHttpRequest(HttpRequest):
    """A request of somebody who is logged in; ``htmx`` is true when a fragment is enough."""

    htmx: HtmxDetails
    user: User


def row_or_new(rows: QuerySet[_Row], pk: int | None) -> _Row | None:
    """The row with this number, Http404 when there is none; None without a number: a new one is to be made."""
    return None if pk is None else get_object_or_404(rows, pk=pk)


def draw(
    request: HtmxHttpRequest, page: str, fragment: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    """
    Draw the fragment for htmx, the page that contains it for everybody else.

    A fragment brings waiting messages along, for their place is outside of it.
    """
    # Going back in the browser asks for the whole page, though htmx does the asking.
    whole = not request.htmx or request.htmx.history_restore_request
    return render(request, page if whole else fragment, {**context, "fragment": not whole}, status=status)
