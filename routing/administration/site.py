"""The Django admin as a whole: what it is called, and whom it lets in."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import BadRequest
from django.db import DataError
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver, path
from django.views.generic import RedirectView

_NO_NUMBER = "expected a number"
"""How Django says that a text is no number, or has more digits than Python reads."""


def _of_numbers_that_can_be(view: Callable[..., Any]) -> Callable[..., Any]:
    """
    A number that no row can have is a bad request.

    Django looks for the rows of ticked boxes and hidden fields without asking
    whether the database could hold their numbers at all.
    """

    @wraps(view)
    def asked(request: HttpRequest, *arguments: Any, **named: Any) -> Any:
        try:
            return view(request, *arguments, **named)
        except (OverflowError, DataError) as error:
            raise BadRequest("no row has such a number") from error
        except ValueError as error:
            if _NO_NUMBER not in str(error):
                raise
            raise BadRequest("no number of a row") from error

    return asked


class AdministrationSite(admin.AdminSite):
    """
    Open to administrators by their role alone.

    Who may change users could tick *Staff status* for themselves, so nothing is
    gained by asking for it; for anybody else it stays the way in.
    """

    site_header = site_title = "Capacitor Web administration"
    index_title = "All tables"
    # Django's own admits nobody without staff status; this one leaves it to has_permission.
    login_form = AuthenticationForm

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        return super().admin_view(_of_numbers_that_can_be(view), cacheable)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        # There is one page for it, which counts wrong passwords.
        elsewhere = self.admin_view(RedirectView.as_view(pattern_name="password_change"))
        return [path("password_change/", elsewhere, name="password_change"), *super().get_urls()]

    def has_permission(self, request: HttpRequest) -> bool:
        return super().has_permission(request) or request.user.has_perm("auth.change_user")
