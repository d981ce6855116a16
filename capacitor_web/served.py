"""The site as daphne serves it for people: with a log of its own and no secret on show, like each of our processes."""

import sys

from django.conf import settings
from django.core.checks import ERROR, run_checks

from capacitor_web.asgi import application
from capacitor_web.checks import sentence
from routing import application_log
from routing.initial_environment import blank_secrets

# Asked by every command of the router; daphne is none, and a unit of systemd starts it by itself.
if wrong := [message for message in run_checks(tags=["settings"]) if message.level >= ERROR]:
    sys.exit("\n".join(map(sentence, wrong)))
blank_secrets()
application_log.start("web", settings.CAPACITOR.data_dir / "logs", settings.CAPACITOR.log_level)

__all__ = ["application"]
