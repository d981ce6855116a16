"""The site as daphne serves it for people: with a log of its own, like every other process of the router."""

from django.conf import settings

from capacitor_web.asgi import application
from routing import application_log

application_log.start("web", settings.CAPACITOR.data_dir / "logs", settings.CAPACITOR.log_level)

__all__ = ["application"]
