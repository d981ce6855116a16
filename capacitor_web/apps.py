"""The site: settings, log-in, start-up checks."""

from django.apps import AppConfig
from django.contrib.admin.apps import SimpleAdminConfig
from django.db.backends.signals import connection_created


class CapacitorWebConfig(AppConfig):
    name = "capacitor_web"
    verbose_name = "Capacitor Web"

    def ready(self) -> None:
        from capacitor_web import checks  # noqa: F401  registers itself
        from capacitor_web.backends import limit_waits

        connection_created.connect(limit_waits, dispatch_uid="limit_waits")


class AdministrationConfig(SimpleAdminConfig):
    default_site = "routing.administration.site.AdministrationSite"
