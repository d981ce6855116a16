"""What is answered when a page could not be made; it needs neither session nor database."""

import sys

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from routing.database.away import is_away


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """``handler400``: a form that nothing here takes, or a name in the address that the site does not go by."""
    page = "unknown_host.html" if isinstance(exception, DisallowedHost) else "400.html"
    return HttpResponse(render_to_string(page), status=400)


def server_error(request: HttpRequest) -> HttpResponse:
    """Called while the error is handled (``handler500``): without a database the pages are not broken, but wait."""
    if is_away(sys.exc_info()[1]):
        return HttpResponse(render_to_string("database_away.html"), status=503)
    return HttpResponse(render_to_string("500.html"), status=500)
