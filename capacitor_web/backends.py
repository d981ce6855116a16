"""What stands behind the site: the database, the channel of live pages, the key that signs sessions."""

import contextlib
import fcntl
import os
import secrets
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from capacitor_web.environment import Environment

_LOCK_WAIT = "20s"
"""Several times shorter than a lease lasts (routing/queue/claims.py), and longer than any transaction of the router."""

_HOST_GONE = {
    "connect_timeout": 10,
    "keepalives": 1,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30000,
}
"""
Of libpq, in seconds, the last one in milliseconds: a server that vanishes without a word is noticed within 30 s.

By the system's own limits a process would wait for its answer for a quarter of an hour, or two hours where it has
nothing to send.
"""


def database(environment: Environment) -> dict[str, Any]:
    """
    Django's setting of the database; makes SQLite's file where there is none yet.

    ImproperlyConfigured when the URL cannot be taken apart; it shows nothing of it.
    """
    return _server(environment.database_url) if environment.database_url else _file(environment)


def _server(url: str) -> dict[str, Any]:
    try:
        server = environ.Env.db_url_config(url)
    except ValueError:
        # Without its words: what it takes for a port can be the half of a password.
        raise ImproperlyConfigured(
            "settings (docs/settings.md): DATABASE_URL: must be postgres://user:password@host:port/name with a port"
            " from 1 to 65535; in user and password write %2F for /, %3F for ?, %40 for @"
        ) from None
    if not server["NAME"] and "service" not in server.get("OPTIONS", {}):
        raise ImproperlyConfigured(
            "settings (docs/settings.md): DATABASE_URL: names no database; it must end in /name, such as"
            " postgres://user:password@host:5432/capacitor"
        )
    return {
        **server,
        "OPTIONS": {**_HOST_GONE, **server.get("OPTIONS", {})},
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


def _file(environment: Environment) -> dict[str, Any]:
    path = environment.data_dir / "capacitor.sqlite3"
    # SQLite would let everybody read it, and its journal, which gets the mode of the file; both hold patient data.
    with contextlib.suppress(OSError):
        path.touch(mode=0o600, exist_ok=False)
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "CONN_MAX_AGE": None,
        # Without IMMEDIATE, read-then-write transactions fail with "database is locked" under load.
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            "init_command": (
                f"PRAGMA journal_mode=WAL; PRAGMA synchronous={environment.sqlite_synchronous};"
                "PRAGMA foreign_keys=ON; PRAGMA journal_size_limit=67108864;"
                # Pages, 16 MB: one that is written often is copied into the database once for so many.
                "PRAGMA wal_autocheckpoint=4000;"
            ),
        },
    }


def limit_waits(connection: Any, **_signal: Any) -> None:
    """
    Let nothing wait longer for what somebody has locked in PostgreSQL, unless the role has a limit of its own.

    A worker that waited as long as a table is rewritten (VACUUM FULL) could not
    renew its leases, nor say why nothing moves.  What is cut off is tried again.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('lock_timeout', %s, false) WHERE current_setting('lock_timeout') = '0'", [_LOCK_WAIT]
            )


def channel_layer(environment: Environment) -> dict[str, Any]:
    """
    Django Channels' setting; the in-memory layer serves one web process.

    ImproperlyConfigured when the URL cannot be taken apart; it shows nothing of it.
    """
    if environment.redis_url:
        try:
            urlsplit(environment.redis_url).port  # noqa: B018
        except ValueError:
            raise ImproperlyConfigured(
                "settings (docs/settings.md): REDIS_URL: must be redis://user:password@host:port/number with a port"
                " from 1 to 65535; in user and password write %2F for /, %3F for ?, %40 for @"
            ) from None
        return {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [environment.redis_url]},
        }
    return {"BACKEND": "channels.layers.InMemoryChannelLayer"}


def signing_key(environment: Environment) -> str:
    """
    The key that signs sessions: the setting, or one made once and readable by its owner alone.

    Settings call this before anything else, so it also makes the data folder
    and ends the process with one sentence when it cannot be written.
    """
    path = environment.data_dir / "secret_key"
    try:
        environment.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        return environment.secret_key or _key_in(path) or _made_key(path)
    except OSError as error:
        sys.exit(f"Cannot start: CAPACITOR_DATA_DIR: cannot use {error.filename or path}: {error.strerror}")


def _key_in(path: Path) -> str:
    """Empty where there is none, or what a power cut has left of one: nothing, or zeros, which anybody could guess."""
    try:
        key = path.read_text()
    except (FileNotFoundError, UnicodeDecodeError):
        return ""
    return key if key.strip().isprintable() and key.strip() else ""


def _made_key(path: Path) -> str:
    there = path.exists()
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        # Several processes may start at once: the first one makes it.
        fcntl.flock(file, fcntl.LOCK_EX)
        if key := _key_in(path):
            return key
        if there:
            sys.stderr.write(f"{path} held no key: a new one is made, and everybody has to log in again.\n")
        key = secrets.token_urlsafe(48)
        file.truncate(0)
        file.write(key.encode())
        file.flush()
        os.fsync(file.fileno())
        return key
