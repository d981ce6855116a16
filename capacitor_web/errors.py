"""What is answered when a page could not be made; it needs neither session nor database."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string


def server_error(request: HttpRequest) -> HttpResponse:
    """Called while the error is handled (``handler500``): without a database the pages are not broken, but wait."""
    if isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        return HttpResponse(render_to_string("database_away.html"), status=503)
    return HttpResponse(render_to_string("500.html"), status=500)
