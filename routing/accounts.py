"""What happens to people's accounts: logging in and out, and changes of users, roles and rights."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest

from routing.session_age import begin


def connect() -> None:
    """Called once, when all apps are there."""
    user_logged_in.connect(_logged_in, dispatch_uid="session begins")


def _logged_in(request: HttpRequest, **_: Any) -> None:
    begin(request.session)
