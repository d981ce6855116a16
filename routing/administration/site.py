"""The Django admin as a whole: what it is called, and whom it lets in."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver, path
from django.views.generic import RedirectView


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

    def get_urls(self) -> list[URLPattern | URLResolver]:
        # There is one page for it, which counts wrong passwords.
        elsewhere = self.admin_view(RedirectView.as_view(pattern_name="password_change"))
        return [path("password_change/", elsewhere, name="password_change"), *super().get_urls()]

    def has_permission(self, request: HttpRequest) -> bool:
        return super().has_permission(request) or request.user.has_perm("auth.change_user")
