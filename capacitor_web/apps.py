"""The site: settings, log-in, start-up checks."""

from django.apps import AppConfig


class CapacitorWebConfig(AppConfig):
    name = "capacitor_web"
    verbose_name = "Capacitor Web"
