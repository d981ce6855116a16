"""What every view shares: the request's type, and one way of drawing a page or its fragment."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django_htmx.middleware import HtmxDetails


class HtmxHttpRequest(HttpRequest):
    """A request of somebody who is logged in; ``htmx`` is true when a fragment is enough."""

    htmx: HtmxDetails
    user: User


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
