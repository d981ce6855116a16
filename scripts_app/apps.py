"""The scripts: Lua entries, conditions, libraries."""

from django.apps import AppConfig


class ScriptsAppConfig(AppConfig):
    name = "scripts_app"
    verbose_name = "Scripts"
