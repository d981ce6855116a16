"""What the environment (or a .env file) says, read once and checked: a wrong value is named, never guessed at."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from capacitor_web.setting_kinds import (
    ADDRESS,
    AE_TITLE,
    FILE,
    FLAG,
    FOLDER,
    HOSTS,
    NETWORKS,
    ORIGINS,
    PORT,
    SECONDS,
    SECRET,
    SYNTAX,
    TEXT,
    ZONE,
    Kind,
    choice,
    number,
    url,
)
from scripts_app.core.nearest import nearest

DAY = 86400


def setting(name: str, kind: Kind, default: Any, meaning: str, *, chapter: str = "") -> Any:
    """One row of the table; ``chapter`` stands on the first row of each chapter of the manual."""
    return field(default=default, metadata={"name": name, "kind": kind, "meaning": meaning, "chapter": chapter})


@dataclass(frozen=True)
class Environment:
    """Every setting: variable, kind, default, meaning.  ``docs/settings.md`` and ``.env.example`` are made from it."""

    data_dir: Path = setting(
        "CAPACITOR_DATA_DIR", FOLDER, Path("data"), "database, spool and logs", chapter="Where data is kept"
    )
    database_url: str = setting(
        "DATABASE_URL", url("URL", "postgres", "postgresql"), "", "PostgreSQL; empty: SQLite in the data folder"
    )
    sqlite_synchronous: str = setting(
        "CAPACITOR_SQLITE_SYNCHRONOUS", choice("FULL", "NORMAL"), "FULL", "when SQLite waits for the disk"
    )
    durable: str = setting(
        "CAPACITOR_DURABLE", choice("full", "none"), "full", "`none`: files do not wait for the disk (benchmarks only)"
    )
    min_free_mib: int = setting(
        "CAPACITOR_MIN_FREE_MIB", number(0, 10**9, "MiB"), 1024, "with less free space images are refused with 0xA700"
    )

    dicom_host: str = setting(
        "CAPACITOR_DICOM_HOST",
        ADDRESS,
        "0.0.0.0",
        "where the DICOM listener listens; 0.0.0.0 or ::, every address of IPv4 and IPv6, link-local ones only so",
        chapter="Receiving",
    )
    dicom_port: int = setting("CAPACITOR_DICOM_PORT", PORT, 11112, "DICOM listener")
    ae_title: str = setting("CAPACITOR_AE_TITLE", AE_TITLE, "CAPACITOR", "the router's own AE title")
    ae_title_prefix: str = setting(
        "CAPACITOR_AE_TITLE_PREFIX", TEXT, "DCP_", "this before a node's AE title also means that node"
    )
    accept_unknown_senders: bool = setting(
        "CAPACITOR_ACCEPT_UNKNOWN_SENDERS", FLAG, False, "take images from any calling AE title"
    )
    max_associations: int = setting(
        "CAPACITOR_MAX_ASSOCIATIONS", number(1, 10000, "associations"), 200, "at once, for each listener"
    )
    max_object_mib: int = setting(
        "CAPACITOR_MAX_OBJECT_MIB", number(1, 10**7, "MiB"), 4096, "largest instance that is taken"
    )
    check_instances: bool = setting(
        "CAPACITOR_CHECK_INSTANCES", FLAG, True, "refuse data sets that are cut off or not what their command says"
    )
    tls_port: int = setting("CAPACITOR_TLS_PORT", PORT, 0, "second DICOM listener, with TLS; 0: none")
    tls_certificate: str = setting("CAPACITOR_TLS_CERTIFICATE", FILE, "", "server certificate (PEM)")
    tls_key: str = setting("CAPACITOR_TLS_KEY", FILE, "", "its private key (PEM)")
    tls_client_ca: str = setting(
        "CAPACITOR_TLS_CLIENT_CA", FILE, "", "senders need a certificate of this CA (PEM); empty: they need none"
    )

    lua_stdlib: str = setting(
        "LUA_STDLIB",
        choice("full", "restricted"),
        "full",
        "what live scripts may use of Lua's library",
        chapter="Scripts",
    )
    lua_seconds: int = setting(
        "CAPACITOR_LUA_SECONDS", number(1, 3600, "seconds"), 10, "time limit of the scripts for one image"
    )
    lua_memory: int = setting(
        "CAPACITOR_LUA_MEMORY_MIB", number(8, 65536, "MiB"), 256, "memory limit of the scripts for one image"
    )
    script_process: str = setting(
        "CAPACITOR_SCRIPT_PROCESS",
        choice("shared", "image"),
        "shared",
        "`image`: a process of its own for the scripts of each image, some milliseconds dearer",
    )
    script_user: str = setting(
        "CAPACITOR_SCRIPT_USER", TEXT, "", "operating system's user of these processes; empty: the router's own"
    )
    prepare_retry: int = setting(
        "CAPACITOR_PREPARE_RETRY_SECONDS", SECONDS, 5, "delay after a script asked for a retry"
    )
    prepare_tries: int = setting(
        "CAPACITOR_PREPARE_TRIES", number(1, 1000, "times"), 5, "starts of a preparation that never ends, then Failed"
    )

    batch_size: int = setting(
        "CAPACITOR_BATCH_SIZE", number(1, 1000, "images"), 64, "how many a worker takes at once", chapter="Sending"
    )
    connect_timeout: int = setting(
        "CAPACITOR_CONNECT_SECONDS", number(1, 3600, "seconds"), 30, "limit for reaching a node"
    )
    stall_threshold: int = setting(
        "CAPACITOR_STALL_SECONDS", number(0, DAY, "seconds"), 90, "without one byte for so long: aborted; 0: never"
    )
    storage_timeout: int = setting(
        "CAPACITOR_STORAGE_SECONDS", number(1, DAY, "seconds"), 900, "least time limit of one image's C-STORE"
    )
    echo_seconds: int = setting(
        "CAPACITOR_ECHO_SECONDS",
        number(0, DAY, "seconds"),
        60,
        "nodes that take no images are asked by C-ECHO so often; 0: never",
    )
    process_delay: int = setting(
        "CAPACITOR_PROCESS_DELAY_MS", number(0, DAY * 1000, "milliseconds"), 0, "hold prepared images before delivery"
    )
    transfer_syntax: str = setting(
        "CAPACITOR_TRANSFER_SYNTAX", SYNTAX, "", "transcode to it unless a node says otherwise; empty: as received"
    )

    expiry: int = setting(
        "CAPACITOR_EXPIRY_SECONDS", SECONDS, 7 * DAY, "age at which a waiting item expires", chapter="Keeping"
    )
    keep_delivered: int = setting(
        "CAPACITOR_KEEP_FILES_SECONDS",
        number(0, DAY * 366, "seconds"),
        DAY,
        "files stay so long after delivery or drop",
    )
    keep_quarantine: int = setting(
        "CAPACITOR_KEEP_QUARANTINE_SECONDS", SECONDS, 14 * DAY, "refused images stay so long for people to look at"
    )
    quarantine_mib: int = setting(
        "CAPACITOR_QUARANTINE_MIB", number(0, 10**7, "MiB"), 1024, "room for them; the oldest go first"
    )
    keep_history: int = setting(
        "CAPACITOR_KEEP_HISTORY_SECONDS", SECONDS, 90 * DAY, "finished items stay visible so long"
    )
    keep_audit: int = setting(
        "CAPACITOR_KEEP_AUDIT_SECONDS",
        number(DAY, 100 * 366 * DAY, "seconds"),
        6 * 365 * DAY,
        "audit records stay so long",
    )
    audit_strict: bool = setting(
        "CAPACITOR_AUDIT_STRICT", FLAG, False, "refuse what people do or see while the audit table takes nothing"
    )
    retry_rejected_at_start: bool = setting(
        "CAPACITOR_RETRY_REJECTED_AT_START", FLAG, False, "send rejected items once more when the service starts"
    )

    listeners: int = setting(
        "CAPACITOR_LISTENERS", number(0, 64, "processes"), 1, "listeners the supervisor starts", chapter="Processes"
    )
    workers: int = setting("CAPACITOR_WORKERS", number(0, 64, "processes"), 1, "queue workers the supervisor starts")
    log_level: str = setting(
        "CAPACITOR_LOG_LEVEL", choice("DEBUG", "INFO", "WARNING", "ERROR"), "INFO", "least level that is kept"
    )
    time_zone: str = setting(
        "CAPACITOR_TIME_ZONE", ZONE, "UTC", "zone of schedules, of log files and of `os.date` in scripts"
    )

    web_host: str = setting(
        "CAPACITOR_WEB_HOST", ADDRESS, "127.0.0.1", "where the web server listens", chapter="Web site"
    )
    web_port: int = setting("CAPACITOR_WEB_PORT", PORT, 8080, "web server")
    admin_password: str = setting(
        "CAPACITOR_ADMIN_PASSWORD", SECRET, "", "of the first administrator; empty: made up and printed once"
    )
    allowed_hosts: tuple[str, ...] = setting(
        "CAPACITOR_ALLOWED_HOSTS", HOSTS, ("localhost", "127.0.0.1", "[::1]"), "host names of the site"
    )
    trusted_origins: tuple[str, ...] = setting(
        "CAPACITOR_TRUSTED_ORIGINS", ORIGINS, (), "of forms behind a proxy, such as `https://router.example`"
    )
    trusted_proxies: tuple[str, ...] = setting(
        "CAPACITOR_TRUSTED_PROXIES",
        NETWORKS,
        (),
        "addresses or networks of proxies whose X-Forwarded-For tells the visitor's address",
    )
    idle_seconds: int = setting(
        "CAPACITOR_IDLE_SECONDS", number(0, DAY, "seconds"), 900, "log out who has done nothing for so long; 0: never"
    )
    plain_http: bool = setting(
        "CAPACITOR_PLAIN_HTTP", FLAG, False, "let others reach the site without TLS: everything crosses in the clear"
    )
    https: bool = setting("CAPACITOR_HTTPS", FLAG, False, "the site is reached by https only (behind a proxy)")
    redis_url: str = setting(
        "REDIS_URL", url("URL", "redis", "rediss"), "", "live pages across hosts; empty: within one host"
    )
    secret_key: str = setting(
        "CAPACITOR_SECRET_KEY", SECRET, "", "signs sessions; empty: made once and kept in the data folder"
    )
    debug: bool = setting("CAPACITOR_DEBUG", FLAG, False, "Django's debug pages; never in production")

    @classmethod
    def read(cls, base_dir: Path, variables: Mapping[str, str] | None = None) -> Environment:
        """
        Read ``.env`` in this folder, then the environment, which wins; an empty value means the default.

        Names of files and folders that do not begin at the root begin at this folder, wherever a command is called:
        the data folder must not be another one for a restore than for the router.

        ImproperlyConfigured names every wrong setting at once, without showing a secret.
        """
        given = given_variables(base_dir, os.environ if variables is None else variables)
        values: dict[str, Any] = {"data_dir": base_dir / "data"}
        wrong = []
        for row in fields(cls):
            name, kind = row.metadata["name"], row.metadata["kind"]
            text = given.get(name, "").strip()
            if not text:
                continue
            try:
                values[row.name] = _placed(kind, kind.read(text), base_dir)
            except ValueError as error:
                wrong.append(f"{name}{'' if kind.secret else f'={text!r}'}: {error}")
        if wrong:
            raise ImproperlyConfigured("settings (docs/settings.md): " + "; ".join(wrong))
        return cls(**values)


def _placed(kind: Kind, value: Any, base_dir: Path) -> Any:
    """The value, with files and folders from the root on."""
    if kind is FILE:
        return str(base_dir / value)
    try:
        return (base_dir / value).resolve() if kind is FOLDER else value
    except RuntimeError as error:
        raise ValueError(f"is no folder that there can be: {error}") from error


def given_variables(base_dir: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The lines of ``.env`` with the environment on top; ImproperlyConfigured tells what cannot be read of it."""

    class Dotenv(environ.Env):  # type: ignore[misc]
        ENVIRON = dict(environment)

    path = base_dir / ".env"
    if path.is_file():
        for count, line in enumerate(_text_of(path).splitlines(), start=1):
            # The library only logs such a line, and the whole of it, which may be a password.
            if line and not re.match(r"#|(export )?\w+=", line):
                raise ImproperlyConfigured(f".env, line {count}: must be NAME=value, without spaces around the =")
        Dotenv.read_env(path, overwrite=False, encoding="utf-8-sig")
    given: dict[str, str] = Dotenv.ENVIRON
    return given


def _text_of(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ImproperlyConfigured(f"{path} cannot be read: {error.strerror}") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # Without the line, which may be a password.
        count = content[: error.start].count(b"\n") + 1
        raise ImproperlyConfigured(f"{path.name}, line {count}: is not UTF-8; save the file as UTF-8") from None


def unknown_variables(given: Mapping[str, str]) -> dict[str, str]:
    """Variables that look like settings and are none, each with the nearest setting (or nothing)."""
    known = [row.metadata["name"] for row in fields(Environment)]
    strangers = sorted(name for name in given if name.startswith("CAPACITOR_") and name not in known)
    return {name: nearest(name, known) for name in strangers}
