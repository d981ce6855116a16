"""The kinds of values that a setting can have: how each is read from text, and what is wrong with a bad one."""

import ipaddress
import re
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from routing.core.ae_title import checked
from scripts_app.core.nearest import nearest


@dataclass(frozen=True, slots=True)
class Kind:
    """``read`` turns text into the value; its ValueError completes the sentence that begins with the variable."""

    unit: str
    read: Callable[[str], Any]
    secret: bool = False
    """Never shown, neither in messages nor on pages."""


def as_text(value: Any) -> str:
    """A value as one writes it into the environment; the opposite of reading."""
    if isinstance(value, bool):
        return "1" if value else "0"
    return ",".join(value) if isinstance(value, tuple) else str(value)


def number(low: int, high: int, unit: str) -> Kind:
    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise ValueError(f"must be a whole number from {low} to {high}") from None
        if not low <= value <= high:
            raise ValueError(f"must be from {low} to {high}; the nearest is {min(max(value, low), high)}")
        return value

    return Kind(unit, read)


def choice(*allowed: str) -> Kind:
    def read(text: str) -> str:
        if text not in allowed:
            close = nearest(text, allowed)
            raise ValueError(f"must be {' or '.join(allowed)}" + (f"; did you mean {close}?" if close else ""))
        return text

    return Kind(" or ".join(allowed), read)


def url(unit: str, *schemes: str) -> Kind:
    """A URL that begins with one of these schemes; it can hold a password, so it is never shown."""

    def read(text: str) -> str:
        scheme, separator, _ = text.partition("://")
        if not separator or scheme not in schemes:
            raise ValueError("must begin with " + " or ".join(f"{known}://" for known in schemes))
        return text

    return Kind(unit, read, secret=True)


def _flag(text: str) -> bool:
    meanings = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if text.casefold() not in meanings:
        raise ValueError("must be 1 or 0")
    return meanings[text.casefold()]


def _zone(text: str) -> str:
    zones = zoneinfo.available_timezones()
    if text not in zones:
        close = nearest(text, sorted(zones)) or "Europe/Berlin"
        raise ValueError(f"must be the name of a time zone, such as {close}")
    return text


def _path(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise ValueError(f"is no folder that there can be: {error}") from error


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


_HOST = re.compile(r"\*|\.?[\w-]+(?:\.[\w-]+)*|\[[0-9A-Fa-f:.]+\]", re.ASCII)
_ORIGIN = re.compile(r"(https?://[^\s/?#]+)(.*)", re.DOTALL)


def _hosts(text: str) -> tuple[str, ...]:
    """What a browser calls the site by; with a scheme, a port or a path it would fit no request at all."""
    names = _words(text)
    if not names:
        raise ValueError("names no host, so every page would be refused; an empty value means the default")
    for name in names:
        if not _HOST.fullmatch(name):
            raise ValueError(
                f"must be host names without scheme, port and path, such as router.example; {name!r} is none"
            )
    return names


def _origins(text: str) -> tuple[str, ...]:
    """Scheme and host as browsers send them: with a path, be it a slash, one fits no form that is ever sent."""
    origins = _words(text)
    for origin in origins:
        found = _ORIGIN.fullmatch(origin)
        if found is None or found[2]:
            near = found[1] if found else "https://router.example"
            raise ValueError(f"must be scheme and host such as {near}; {origin!r} is not")
    return origins


def _networks(text: str) -> tuple[str, ...]:
    names = _words(text)
    for name in names:
        try:
            ipaddress.ip_network(name, strict=False)
        except ValueError:
            raise ValueError(f"must be addresses or networks such as 192.0.2.0/24; {name!r} is none") from None
    return names


TEXT = Kind("text", str)
SECRET = Kind("text", str, secret=True)
ADDRESS = Kind("address", str)
FILE = Kind("file", str)
SYNTAX = Kind("name or UID", str)
AE_TITLE = Kind("AE title", checked)
FLAG = Kind("1 or 0", _flag)
FOLDER = Kind("folder", _path)
ZONE = Kind("time zone", _zone)
HOSTS = Kind("names, comma between", _hosts)
ORIGINS = Kind("origins, comma between", _origins)
NETWORKS = Kind("addresses, comma between", _networks)
PORT = number(0, 65535, "port")
SECONDS = number(1, 86400 * 366, "seconds")
