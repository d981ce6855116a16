"""The site as daphne serves it for people: with a log of its own and no secret on show, like each of our processes."""

from django.conf import settings

from capacitor_web.asgi import application
from routing import application_log
from routing.initial_environment import blank_secrets

blank_secrets()
application_log.start("web", settings.CAPACITOR.data_dir / "logs", settings.CAPACITOR.log_level)

__all__ = ["application"]
