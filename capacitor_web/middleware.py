"""What holds for every page: a policy that allows nothing inline, no copy in a cache, no stale count, sane values."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.loader import render_to_string

from routing.database.short_lived import forget_all
from routing.processes.application_log import PROBES

POLICY = (
    "default-src 'self'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; "
    "connect-src 'self' ws://{host} wss://{host}; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)

METHODS = ("GET", "HEAD", "POST")
MOST = 2**63 - 1
"""The largest number that a database takes for a row's."""


def by_any_name(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """
    Answer monitors by whatever name they ask: most ask an address, which is no name that browsers use.

    The answers depend on no name and tell of nobody.
    """

    def answer(request: HttpRequest) -> HttpResponse:
        if request.path[1:] in PROBES:
            request.get_host = lambda: "localhost"  # type: ignore[method-assign]
        return get_response(request)

    return answer


class ContentSecurityPolicyMiddleware:
    """
    Puts the policy on every answer; ``request.csp_nonce`` is the key for the few scripts that need one.

    Pages hold patient data, so browsers and proxies are told to keep none of
    them.  Static files are answered further out and stay cacheable.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        nonce = secrets.token_urlsafe(16)
        request.csp_nonce = nonce  # type: ignore[attr-defined]
        response = self.get_response(request)
        policy = POLICY.format(nonce=nonce, host=request.get_host())
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers["Cache-Control"] = "no-store"
        return response


class RowsOnly:
    """What no row can have is not found in an address, either; only some queries find that out by themselves."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Sequence[Any], found: Mapping[str, Any]
    ) -> None:
        if any(isinstance(value, int) and value > MOST for value in found.values()):
            raise Http404("no row has such a number")
        if any(isinstance(value, str) and "\0" in value for value in found.values()):
            raise Http404("no row has a text with a NUL character")


class NoNul:
    """A form with a NUL character is refused: no text that is kept here can have one, least of all in PostgreSQL."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    # Not sooner: whoever may not come in has no form read.
    def process_view(self, request: HttpRequest, *_view: Any) -> None:
        if request.method == "POST" and any("\0" in value for _, values in request.POST.lists() for value in values):
            raise BadRequest("a field of the form holds a NUL character")


def seen_at_once(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """What a person has just changed is counted anew: a second is long for somebody who pressed a button."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.method == "POST":
            forget_all()
        return response

    return answer


def known_methods_only(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Refuse what no page knows; Django's own pages would take any other method for a GET."""

    def answer(request: HttpRequest) -> HttpResponse:
        return get_response(request) if request.method in METHODS else HttpResponseNotAllowed(METHODS)

    return answer


def forms_only_in_words(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Say so where somebody looks at an address that only takes forms, as by Reload or from the browser's history."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if response.status_code == 405 and request.method == "GET":
            response.content = render_to_string("405.html")
            # That of the empty answer is there already; a browser takes what exceeds it for a broken answer.
            response.headers["Content-Length"] = str(len(response.content))
        return response

    return answer


def csp_nonce(request: HttpRequest) -> dict[str, str]:
    """Context processor: the nonce under the name that Django 6 uses, too."""
    return {"csp_nonce": getattr(request, "csp_nonce", "")}
