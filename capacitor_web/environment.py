"""What the environment (or a .env file) says, read once and checked: a wrong value is named, never guessed at."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured


def _text(value: str) -> str:
    return value.strip()


def _flag(value: str) -> bool:
    known = {
        "1": True,
        "true": True,
        "yes": True,
        "on": True,
        "0": False,
        "false": False,
        "no": False,
        "off": False,
    }
    try:
        return known[value.strip().casefold() or "0"]
    except KeyError:
        raise ValueError("must be 1 or 0") from None


def _number(low: int, high: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        try:
            number = int(value)
        except ValueError:
            raise ValueError(f"must be a whole number from {low} to {high}") from None
        if not low <= number <= high:
            raise ValueError(f"must be from {low} to {high}; the nearest is {min(max(number, low), high)}")
        return number

    return read


def _ae_title(value: str) -> str:
    # The rule itself is routing.core.ae_title.checked(); imported here because settings load before the apps.
    from routing.core.ae_title import checked

    return checked(value)


def _choice(*allowed: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value.strip() not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}")
        return value.strip()

    return read


def _words(value: str) -> list[str]:
    return [word.strip() for word in value.split(",") if word.strip()]


def _zone(value: str) -> str:
    if value not in zoneinfo.available_timezones():
        raise ValueError("must be the name of a time zone, such as Europe/Berlin or UTC")
    return value


def _setting(name: str, read: Callable[[str], Any], default: Any, unit: str, meaning: str) -> Any:
    return field(default=default, metadata={"name": name, "read": read, "unit": unit, "meaning": meaning})


PORT = _number(0, 65535)
SECONDS = _number(1, 86400 * 366)


@dataclass(frozen=True)
class Environment:
    """One field a setting: variable, reader, default, unit, meaning.  The manual's table is made from it."""

    data_dir: Path = _setting(
        "CAPACITOR_DATA_DIR",
        lambda v: Path(v).expanduser().resolve(),
        Path("data"),
        "folder",
        "database, spool, logs",
    )
    web_host: str = _setting("CAPACITOR_WEB_HOST", _text, "127.0.0.1", "address", "where the web server listens")
    web_port: int = _setting("CAPACITOR_WEB_PORT", PORT, 8080, "port", "web server")
    dicom_host: str = _setting("CAPACITOR_DICOM_HOST", _text, "0.0.0.0", "address", "where the DICOM listener listens")
    dicom_port: int = _setting("CAPACITOR_DICOM_PORT", PORT, 11112, "port", "DICOM listener")
    ae_title: str = _setting("CAPACITOR_AE_TITLE", _ae_title, "CAPACITOR", "AE title", "the router's own AE title")
    ae_title_prefix: str = _setting(
        "CAPACITOR_AE_TITLE_PREFIX", _text, "DCP_", "text", "prefix + node AE title also means that node"
    )
    listeners: int = _setting("CAPACITOR_LISTENERS", _number(0, 64), 1, "processes", "listeners the supervisor starts")
    workers: int = _setting("CAPACITOR_WORKERS", _number(0, 64), 1, "processes", "queue workers the supervisor starts")
    accept_unknown_senders: bool = _setting(
        "CAPACITOR_ACCEPT_UNKNOWN_SENDERS", _flag, False, "1 or 0", "take images from any calling AE title"
    )
    admin_password: str = _setting(
        "CAPACITOR_ADMIN_PASSWORD",
        _text,
        "",
        "text",
        "password of the first administrator; else made up, printed once",
    )
    database_url: str = _setting("DATABASE_URL", _text, "", "URL", "PostgreSQL; empty: SQLite in the data folder")
    sqlite_synchronous: str = _setting(
        "CAPACITOR_SQLITE_SYNCHRONOUS",
        _choice("FULL", "NORMAL"),
        "FULL",
        "word",
        "when SQLite waits for the disk",
    )
    redis_url: str = _setting("REDIS_URL", _text, "", "URL", "live pages across hosts; empty: within one host")
    lua_stdlib: str = _setting("LUA_STDLIB", _choice("full", "restricted"), "full", "word", "what live scripts may use")
    lua_seconds: int = _setting(
        "CAPACITOR_LUA_SECONDS", _number(1, 3600), 10, "seconds", "time limit of the scripts per image"
    )
    lua_memory: int = _setting(
        "CAPACITOR_LUA_MEMORY_MIB", _number(8, 65536), 256, "MiB", "memory limit of the scripts per image"
    )
    prepare_retry: int = _setting(
        "CAPACITOR_PREPARE_RETRY_SECONDS", SECONDS, 5, "seconds", "delay after a script asked for a retry"
    )
    prepare_tries: int = _setting(
        "CAPACITOR_PREPARE_TRIES",
        _number(1, 1000),
        5,
        "times",
        "an image whose preparation never ends is failed after so many starts",
    )
    expiry: int = _setting(
        "CAPACITOR_EXPIRY_SECONDS", SECONDS, 7 * 86400, "seconds", "age at which a waiting item expires"
    )
    keep_delivered: int = _setting(
        "CAPACITOR_KEEP_FILES_SECONDS",
        _number(0, 86400 * 366),
        86400,
        "seconds",
        "how long files stay after delivery or drop",
    )
    keep_history: int = _setting(
        "CAPACITOR_KEEP_HISTORY_SECONDS",
        SECONDS,
        90 * 86400,
        "seconds",
        "how long finished items stay visible",
    )
    retry_rejected_at_start: bool = _setting(
        "CAPACITOR_RETRY_REJECTED_AT_START",
        _flag,
        False,
        "1 or 0",
        "send rejected items once more at service start",
    )
    min_free_mib: int = _setting(
        "CAPACITOR_MIN_FREE_MIB",
        _number(0, 10**9),
        1024,
        "MiB",
        "below this free space images are refused with 0xA700",
    )
    max_object_mib: int = _setting("CAPACITOR_MAX_OBJECT_MIB", _number(1, 10**7), 4096, "MiB", "largest instance taken")
    max_associations: int = _setting(
        "CAPACITOR_MAX_ASSOCIATIONS", _number(1, 10000), 200, "associations", "per listener"
    )
    batch_size: int = _setting("CAPACITOR_BATCH_SIZE", _number(1, 1000), 64, "images", "images a worker takes at once")
    connect_timeout: int = _setting(
        "CAPACITOR_CONNECT_SECONDS", _number(1, 3600), 30, "seconds", "limit for reaching a node"
    )
    stall_threshold: int = _setting(
        "CAPACITOR_STALL_SECONDS",
        _number(0, 86400),
        90,
        "seconds",
        "a send without one byte for so long is aborted; 0: never",
    )
    storage_timeout: int = _setting(
        "CAPACITOR_STORAGE_SECONDS",
        _number(1, 86400),
        900,
        "seconds",
        "least time limit of one image's C-STORE",
    )
    process_delay: int = _setting(
        "CAPACITOR_PROCESS_DELAY_MS",
        _number(0, 86400000),
        0,
        "milliseconds",
        "hold prepared images before delivery",
    )
    transfer_syntax: str = _setting(
        "CAPACITOR_TRANSFER_SYNTAX",
        _text,
        "",
        "name or UID",
        "transcode everything to it unless a node says otherwise",
    )
    durable: str = _setting(
        "CAPACITOR_DURABLE",
        _choice("full", "none"),
        "full",
        "word",
        "none: do not wait for the disk (benchmarks only)",
    )
    tls_port: int = _setting("CAPACITOR_TLS_PORT", PORT, 0, "port", "second DICOM listener with TLS; 0: none")
    tls_certificate: str = _setting("CAPACITOR_TLS_CERTIFICATE", _text, "", "file", "server certificate (PEM)")
    tls_key: str = _setting("CAPACITOR_TLS_KEY", _text, "", "file", "its private key (PEM)")
    tls_client_ca: str = _setting("CAPACITOR_TLS_CLIENT_CA", _text, "", "file", "senders need a certificate of this CA")
    time_zone: str = _setting("CAPACITOR_TIME_ZONE", _zone, "UTC", "zone", "zone of schedules")
    log_level: str = _setting(
        "CAPACITOR_LOG_LEVEL",
        _choice("DEBUG", "INFO", "WARNING", "ERROR"),
        "INFO",
        "word",
        "least level that is kept",
    )
    allowed_hosts: list[str] = _setting(
        "CAPACITOR_ALLOWED_HOSTS",
        _words,
        ("localhost", "127.0.0.1", "[::1]"),
        "names",
        "host names of the site, comma between",
    )
    trusted_origins: list[str] = _setting(
        "CAPACITOR_TRUSTED_ORIGINS",
        _words,
        (),
        "origins",
        "origins of forms behind a proxy, such as https://router.example",
    )
    https: bool = _setting(
        "CAPACITOR_HTTPS", _flag, False, "1 or 0", "the site is reached by https only (behind a proxy)"
    )
    secret_key: str = _setting(
        "CAPACITOR_SECRET_KEY", _text, "", "text", "signs sessions; empty: made and kept in the data folder"
    )
    debug: bool = _setting("CAPACITOR_DEBUG", _flag, False, "1 or 0", "Django's debug pages; never in production")

    @classmethod
    def read(cls, base_dir: Path) -> Environment:
        """Read ``.env`` beside manage.py, then the environment, which wins; ImproperlyConfigured names what is wrong."""
        if (base_dir / ".env").is_file():
            environ.Env.read_env(base_dir / ".env", overwrite=False)
        values: dict[str, Any] = {"data_dir": base_dir / "data"}
        wrong = []
        for setting in fields(cls):
            name, reader = setting.metadata["name"], setting.metadata["read"]
            text = os.environ.get(name)
            if text is None or text == "":
                continue
            try:
                values[setting.name] = reader(text)
            except ValueError as error:
                shown = "" if "PASSWORD" in name or "SECRET" in name else f"={text!r}"
                wrong.append(f"{name}{shown}: {error}")
        if wrong:
            raise ImproperlyConfigured("Settings (docs/settings.md): " + "; ".join(wrong))
        return cls(**values)

    def database(self) -> dict[str, Any]:
        """Django's setting of the database."""
        if self.database_url:
            return {
                **environ.Env.db_url_config(self.database_url),
                "CONN_MAX_AGE": 60,
                "CONN_HEALTH_CHECKS": True,
            }
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": self.data_dir / "capacitor.sqlite3",
            "CONN_MAX_AGE": None,
            # Without IMMEDIATE, read-then-write transactions fail with "database is locked" under load.
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 30,
                "init_command": (
                    f"PRAGMA journal_mode=WAL; PRAGMA synchronous={self.sqlite_synchronous};"
                    "PRAGMA foreign_keys=ON; PRAGMA journal_size_limit=67108864;"
                ),
            },
        }

    def channel_layer(self) -> dict[str, Any]:
        """Django Channels' setting; the in-memory layer serves one web process."""
        if self.redis_url:
            return {
                "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
                "CONFIG": {"hosts": [self.redis_url]},
            }
        return {"BACKEND": "channels.layers.InMemoryChannelLayer"}


def persistent_secret(data_dir: Path) -> str:
    """The key that signs sessions, made once and kept readable by the owner alone."""
    path = data_dir / "secret_key"
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        if not path.exists():
            # Several processes may start at once: whoever links first wins, nobody reads half a key.
            draft = path.with_name(f".secret_key.{os.getpid()}")
            draft.touch(mode=0o600)
            draft.write_text(secrets.token_urlsafe(48))
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
            draft.unlink()
    except OSError as error:
        sys.exit(f"CAPACITOR_DATA_DIR: cannot write {path}: {error.strerror}")
    return path.read_text()
