"""Who asks, from where, and whether the session still holds: the part of a request that rights and records rest on."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from routing.audit.log import REFUSED, audit
from routing.audit.origin import Origin, reset_origin, set_origin
from routing.audit.store import AuditUnavailable
from routing.people.session_age import is_over, renew

Handler = Callable[[HttpRequest], HttpResponse]
_NOTED_AGAIN_AFTER = 60
"""Seconds."""
IDLE_HEADER = "X-Idle-Seconds"
"""How long the person in front of the page has touched nothing; static/session.js sends it with every fragment."""


def real_address(get_response: Handler) -> Handler:
    """Behind known proxies the visitor's address is the last that they did not add themselves."""

    def answer(request: HttpRequest) -> HttpResponse:
        hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",")]
        address = request.META.get("REMOTE_ADDR", "")
        while hops and _is_proxy(address):
            address = hops.pop()
        if _readable(address):
            request.META["REMOTE_ADDR"] = address
        return get_response(request)

    return answer


def _is_proxy(address: str) -> bool:
    return _readable(address) and any(
        ipaddress.ip_address(address) in ipaddress.ip_network(known, strict=False)
        for known in settings.CAPACITOR.trusted_proxies
    )


def _readable(address: str) -> bool:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return True


class Audited:
    """
    Lets the audit log know who asks from where; notes what was refused; where nothing can be noted, nothing is done.

    Of one person's refusals at one address of the site, and of those of one
    network address without log-in, one a minute is noted: nobody can fill the
    disk with them.
    """

    def __init__(self, get_response: Handler) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = set_origin(Origin(request.META.get("REMOTE_ADDR", ""), lambda: _name(request)))
        try:
            response = self._get_response(request)
            if _was_refused(request, response):
                self._note(request, response)
            return response
        except AuditUnavailable:
            return self.process_exception(request, AuditUnavailable())  # type: ignore[return-value]
        finally:
            reset_origin(token)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, AuditUnavailable):
            return None
        return HttpResponse(render_to_string("audit_away.html"), status=503)

    def _note(self, request: HttpRequest, response: HttpResponse) -> None:
        name = _name(request)
        place = f"{name} {request.path}" if name else request.META.get("REMOTE_ADDR", "")
        if cache.add(f"refused-{hashlib.sha256(place.encode()).hexdigest()}", True, _NOTED_AGAIN_AFTER):
            detail = {"method": request.method, "status": response.status_code}
            audit(name, "access", request.path, outcome=REFUSED, **detail)


def _was_refused(request: HttpRequest, response: HttpResponse) -> bool:
    """Somebody may not; somebody unknown has sent something; or somebody known is sent to another log-in."""
    if response.status_code != 302:
        return response.status_code in (401, 403)
    to = response.headers.get("Location", "")
    if to.startswith(f"{reverse('admin:login')}?"):
        return bool(_name(request))
    return request.method == "POST" and to.startswith(f"{reverse('login')}?")


def _name(request: HttpRequest) -> str:
    user = getattr(request, "user", None)
    return user.get_username() if user is not None else ""


def sessions_end(get_response: Handler) -> Handler:
    """Log out who has done nothing for too long; refreshes that a page makes by itself are no deed."""

    def answer(request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            if why := is_over(request.session):
                request.session_ended = why  # type: ignore[attr-defined]
                logout(request)
            elif (idle := _idle(request)) is not None:
                renew(request.session, idle)
        return get_response(request)

    return answer


class LoggedInOnly(LoginRequiredMiddleware):
    """Leads to the log-in; what was sent without session is not done, and told so."""

    def process_view(self, request: HttpRequest, *view: Any) -> HttpResponseBase | None:
        log_in = super().process_view(request, *view)
        if log_in is None or request.method != "POST":
            return log_in
        if request.headers.get("HX-Request"):
            # To be led away would cost what is written on the page (static/answers.js).
            return HttpResponse(status=401)
        messages.warning(request, "You are not logged in, so what you sent was not taken. Log in and send it again.")
        return redirect_to_login(_page_of_the_form(request), reverse("login"))


def _page_of_the_form(request: HttpRequest) -> str:
    """What to show after the log-in: most addresses of forms are no pages."""
    page = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(page, {request.get_host()}, require_https=request.is_secure()):
        return reverse("dashboard")
    parts = urlsplit(page)
    return urlunsplit(("", "", parts.path, parts.query, "")) if parts.netloc else reverse("dashboard")


def _idle(request: HttpRequest) -> float | None:
    """Seconds since the person's last deed; None when the request does not tell of one."""
    said = request.headers.get(IDLE_HEADER, "")
    if said.isascii() and said.isdecimal() and len(said) < 9:
        return float(said)
    return None if request.headers.get("HX-Request") else 0.0
