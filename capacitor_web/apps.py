"""The site: settings, log-in, start-up checks."""

from django.apps import AppConfig
from django.contrib.admin.apps import SimpleAdminConfig


class CapacitorWebConfig(AppConfig):
    name = "capacitor_web"
    verbose_name = "Capacitor Web"

    def ready(self) -> None:
        from capacitor_web import checks  # noqa: F401  registers itself


class AdministrationConfig(SimpleAdminConfig):
    default_site = "routing.administration.site.AdministrationSite"
