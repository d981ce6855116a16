"""Who asks, from where, and whether the session still holds: the part of a request that rights and records rest on."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse

from routing.session_age import is_over, renew

Handler = Callable[[HttpRequest], HttpResponse]
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


def sessions_end(get_response: Handler) -> Handler:
    """Log out who has done nothing for too long; refreshes that a page makes by itself are no deed."""

    def answer(request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            if is_over(request.session):
                logout(request)
            elif (idle := _idle(request)) is not None:
                renew(request.session, idle)
        return get_response(request)

    return answer


def _idle(request: HttpRequest) -> float | None:
    """Seconds since the person's last deed; None when the request does not tell of one."""
    said = request.headers.get(IDLE_HEADER, "")
    if said.isascii() and said.isdecimal() and len(said) < 9:
        return float(said)
    return None if request.headers.get("HX-Request") else 0.0
