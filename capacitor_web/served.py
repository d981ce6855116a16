"""The site as daphne serves it for people: with a log of its own and no secret on show, like each of our processes."""

import sys

from django.conf import settings
from django.core.checks import ERROR

from capacitor_web.asgi import application
from capacitor_web.checks import sentence
from capacitor_web.exposure import exposed_site
from routing.processes import application_log
from routing.processes.initial_environment import blank_secrets

# Every command asks all checks; daphne is none, and a unit of systemd starts it by itself.  Only those of what
# others can reach: where a certificate or a folder of the listener is wrong, people need the site to see that.
if wrong := [message for message in exposed_site(settings.CAPACITOR) if message.level >= ERROR]:
    sys.exit("\n".join(map(sentence, wrong)))
blank_secrets()
application_log.start("web", settings.CAPACITOR.data_dir / "logs", settings.CAPACITOR.log_level)

__all__ = ["application"]
