"""What a node's texts must look like; forms and nodes.yml ask here."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any

from pydicom._uid_dict import UID_dictionary
from pydicom.uid import RE_VALID_UID

from routing.core.ae_title import checked
from routing.core.gates import network, window
from routing.core.transfer_syntax import uid_of

LONGEST_ALIAS = 64
"""Characters.  Beyond 16 a name can't be called over the network, but scripts may route to it."""
LARGEST_NUMBER = 2**31 - 1
"""In every column of numbers.  Of seconds it is 68 years: dates and time spans can be reckoned with it."""

_HOST = re.compile(r"[\w.:%-]+")
_HIGHEST = {"port": 65535, "retry_jitter": 100}
"""Columns of which less than that is too much already."""


def check_alias(text: str) -> None:
    """An AE title, or a longer name made of the same characters."""
    trimmed = text.strip(" ")
    if len(trimmed) > LONGEST_ALIAS:
        raise ValueError(f"{text!r} has {len(trimmed)} characters; at most {LONGEST_ALIAS} are allowed")
    for part in [trimmed] if len(trimmed) <= 16 else sorted(set(trimmed) - {" "}):
        checked(part)


def check_host(text: str) -> None:
    """A name that a resolver can be asked for, or an IP address."""
    _not_empty(text)
    if not _HOST.fullmatch(text):
        near = re.sub(r"^[a-z]+://|[/\s].*$", "", text)
        hint = f"; perhaps {near}" if _HOST.fullmatch(near) else ""
        raise ValueError(f"{text!r} is neither a host name nor an IP address{hint}")
    if ":" in text:
        try:
            ipaddress.IPv6Address(text)
        except ValueError:
            raise ValueError(f"{text!r} is no IPv6 address; the port has a field of its own") from None
        return
    try:
        # As socket.getaddrinfo does before it asks anybody.
        text.encode("idna")
    except UnicodeError:
        raise ValueError(f"{text!r} is no host name: each part has from 1 to 63 characters") from None


def check_sop_class(text: str) -> None:
    """A SOP class UID, or ``default`` for all others."""
    if text == "default" or (len(text) <= 64 and "." in text and re.fullmatch(RE_VALID_UID, text)):
        return
    by_keyword = {entry[4]: uid for uid, entry in UID_dictionary.items()}
    uid = by_keyword.get(text)
    raise ValueError(f"{text!r} is not a SOP class UID" + (f"; write {uid}" if uid else " and not 'default'"))


def check_delays(initial: int, limit: int) -> None:
    """Of the delays between tries the longest is not shorter than the first."""
    if limit < initial:
        raise ValueError(f"must be at least the first delay, {initial} seconds")


def _not_empty(text: str) -> None:
    if not text.strip():
        raise ValueError("must not be empty")


_TEXTS: dict[str, Callable[[str], object]] = {"ae_title": checked, "host": check_host}
_OPTIONAL: dict[str, Callable[[str], object]] = {"transfer_syntax": uid_of}
_LISTS: dict[str, Callable[[str], object]] = {
    "aliases": check_alias,
    "process_schedule": window,
    "process_networks": network,
    "sop_class_priorities": check_sop_class,
}


def mistakes(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every mistake in the columns of one node: (column, message); columns that are absent are not judged."""
    found: list[tuple[str, str]] = []

    def judge(column: str, check: Callable[[str], object], value: object) -> None:
        try:
            check(value) if isinstance(value, str) else _not_a_text(value)
        except ValueError as error:
            found.append((column, str(error)))

    for column, check in _TEXTS.items():
        if column in values:
            judge(column, check, values[column])
    for column, check in _OPTIONAL.items():
        if values.get(column):
            judge(column, check, values[column])
    for column, check in _LISTS.items():
        items = values.get(column) or []
        if not isinstance(items, list):
            found.append((column, "must be a list"))
            continue
        for item in items:
            judge(column, check, item)
    try:
        check_delays(values.get("retry_initial") or 0, values.get("retry_limit", LARGEST_NUMBER))
    except ValueError as error:
        found.append(("retry_limit", str(error)))
    if bool(values.get("tls_certificate")) != bool(values.get("tls_key")):
        missing = "tls_key" if values.get("tls_certificate") else "tls_certificate"
        found.append((missing, "a client certificate needs both its file and that of its key"))
    return found


def too_large(values: Mapping[str, object]) -> list[tuple[str, str]]:
    """
    Numbers beyond what can be reckoned with: (column, message).

    No form takes them; SQLite keeps whatever was written before one asked, or past it.
    """
    limits = {column: _HIGHEST.get(column, LARGEST_NUMBER) for column in values}
    return [
        (column, f"{value} is too large, at most {limits[column]} is allowed")
        for column, value in values.items()
        if isinstance(value, int) and value > limits[column]
    ]


def _not_a_text(value: object) -> None:
    raise ValueError(f"{value!r} must be a text")
