"""Checks of a site that others can reach: it does not start with settings that give patient data away."""

from __future__ import annotations

from collections.abc import Iterator

from django.core.checks import CheckMessage, Error, Warning

from capacitor_web.environment import Environment

LOCAL = ("127.0.0.1", "localhost", "::1")
_SHORTEST_KEY, _FEWEST_CHARACTERS = 50, 5
"""Of a key that somebody chose; Django's own check asks for as much."""
_EXAMPLES = ("django-insecure", "changeme", "change-me", "secret", "example")


def is_exposed(environment: Environment) -> bool:
    """Whether browsers on other machines reach the site, directly or through a proxy."""
    return environment.https or environment.web_host not in LOCAL


def exposed_site(environment: Environment) -> Iterator[CheckMessage]:
    """Everything that must not be so where others can reach it."""
    if not is_exposed(environment):
        return
    if environment.debug:
        yield Error(
            "CAPACITOR_DEBUG=1 on a site that others can reach: its error pages show settings and patient data.",
            hint="Unset CAPACITOR_DEBUG.",
            id="capacitor.E010",
        )
    if "*" in environment.allowed_hosts:
        yield Error(
            "CAPACITOR_ALLOWED_HOSTS=* on a site that others can reach: any name that leads here is taken for its own.",
            hint="List the names or addresses that browsers use.",
            id="capacitor.E011",
        )
    if not environment.https and not environment.plain_http:
        yield Error(
            f"CAPACITOR_WEB_HOST={environment.web_host} without CAPACITOR_HTTPS=1: "
            "passwords and patient data would cross the network in the clear.",
            hint="Put a proxy with TLS in front of it and set CAPACITOR_HTTPS=1; or accept it with "
            "CAPACITOR_PLAIN_HTTP=1.",
            id="capacitor.E012",
        )
    key = environment.secret_key
    weak = len(key) < _SHORTEST_KEY or len(set(key)) < _FEWEST_CHARACTERS or key.casefold().startswith(_EXAMPLES)
    if key and weak:
        yield Error(
            "CAPACITOR_SECRET_KEY can be guessed: whoever knows it logs in as anybody.",
            hint=f"Leave it empty, and one is made and kept; or give {_SHORTEST_KEY} random characters.",
            id="capacitor.E013",
        )
    if not environment.https and environment.plain_http:
        yield Warning(
            "The site is reached without TLS: passwords and patient data cross the network in the clear.",
            hint="Put a proxy with TLS in front of it and set CAPACITOR_HTTPS=1.",
            id="capacitor.W007",
        )
