"""The scripts: Lua entries, conditions, libraries."""

from typing import Any

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_out
from django.http import HttpRequest


class ScriptsAppConfig(AppConfig):
    name = "scripts_app"
    verbose_name = "Scripts"

    def ready(self) -> None:
        user_logged_out.connect(_forget_upload, dispatch_uid="uploads")


def _forget_upload(request: HttpRequest, **_signal: Any) -> None:
    from scripts_app.trying.samples import forget

    forget(request.session)
