"""The site: settings, log-in, start-up checks."""

from django.apps import AppConfig


class CapacitorWebConfig(AppConfig):
    name = "capacitor_web"
    verbose_name = "Capacitor Web"

    def ready(self) -> None:
        from capacitor_web import checks  # noqa: F401  registers itself
