"""Start-up checks of what an operator can get wrong; ``docs/checks.md`` explains each id."""

import errno
import os
import pwd
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import ERROR, CheckMessage, Error, Warning, register
from django.db import Error as DatabaseProblem
from django.db import connection

from capacitor_web.environment import Environment, given_variables, unknown_variables
from capacitor_web.exposure import LOCAL, exposed_site
from routing.core.ae_title import IllegalAETitle, checked
from routing.core.syntax_choice import NO_ENCODER, WRITABLE
from routing.core.transfer_syntax import UnknownTransferSyntax, uid_of
from routing.database import database_file
from routing.dicom.tls import load_own
from routing.processes import capabilities
from routing.processes.application_log import first_line

TLS_FILES = (
    ("CAPACITOR_TLS_CERTIFICATE", "tls_certificate"),
    ("CAPACITOR_TLS_KEY", "tls_key"),
    ("CAPACITOR_TLS_CLIENT_CA", "tls_client_ca"),
)

WHAT_TO_DO = {
    errno.EADDRINUSE: "Is the router running already? Otherwise set another port.",
    errno.EACCES: "Ports below 1024 need a privilege; set another one, or grant it.",
}
"""For a port on which nobody can listen; anything else is the fault of its address."""


WRITTEN = ("spool", "logs", "run", "configuration", "imports")
"""Folders of the data folder; nothing is said of what others keep there, such as lost+found."""
WRITTEN_WITHIN = ("logs/*.log", "spool/[0-9]*", "spool/prepared", "spool/quarantine")


def data_folder(environment: Environment) -> Iterator[CheckMessage]:
    folder = environment.data_dir
    if not folder.is_dir() or not _is_ours(folder):
        yield Error(
            f"CAPACITOR_DATA_DIR: this user cannot write into {folder}.",
            hint="Give the folder to the user that runs the router, or name another one.",
            id="capacitor.E001",
        )
        return
    inner = [path for path in map(folder.joinpath, WRITTEN) if path.exists()]
    if all(map(_is_ours, inner)):
        inner = [path for pattern in WRITTEN_WITHIN for path in sorted(folder.glob(pattern))]
    for path in [path for path in inner if not _is_ours(path)][:1]:
        yield Error(
            f"CAPACITOR_DATA_DIR: this user cannot write {path}: was the router, or a command, run as another one?",
            hint=f"Give {folder}, with all that is in it, to the user that runs the router.",
            id="capacitor.E001",
        )
    system = os.statvfs(folder)
    free = system.f_bavail * system.f_frsize // 2**20
    if free < environment.min_free_mib:
        yield Warning(
            f"Only {free} MiB are free in {folder}; below CAPACITOR_MIN_FREE_MIB={environment.min_free_mib} "
            "images are refused (0xA700).",
            hint="Make room, or set a lower mark.",
            id="capacitor.W002",
        )


def _is_ours(path: Path) -> bool:
    return os.access(path, os.R_OK | os.W_OK | (os.X_OK if path.is_dir() else 0))


def distinct_ports(environment: Environment) -> Iterator[CheckMessage]:
    seen: dict[int, str] = {}
    for name, _, port in listening(environment):
        if port in seen:
            yield Error(f"{name} and {seen[port]} are both {port}.", hint="Set one of them.", id="capacitor.E002")
        seen[port] = name


def tls_files(environment: Environment) -> Iterator[CheckMessage]:
    if not environment.tls_port:
        return
    readable = True
    for name, attribute in TLS_FILES:
        path = getattr(environment, attribute)
        needed = attribute != "tls_client_ca"
        if not path and not needed:
            continue
        if not path or not Path(path).is_file() or not os.access(path, os.R_OK):
            readable = False
            what = f"cannot read {path}" if path else f"is needed because CAPACITOR_TLS_PORT={environment.tls_port}"
            yield Error(f"{name}: {what}.", hint="Name a PEM file that this user can read.", id="capacitor.E003")
    if readable:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            load_own(context, environment.tls_certificate, environment.tls_key)
            if environment.tls_client_ca:
                context.load_verify_locations(environment.tls_client_ca)
        except ssl.SSLError as error:
            yield Error(
                f"The TLS files do not work together: {error.reason or error}.",
                hint="The key must belong to the certificate, and all must be PEM without a pass phrase.",
                id="capacitor.E004",
            )


def transfer_syntax(environment: Environment) -> Iterator[CheckMessage]:
    name = environment.transfer_syntax
    if not name:
        return
    try:
        writable = uid_of(name) in WRITABLE
    except UnknownTransferSyntax as error:
        yield Error(f"CAPACITOR_TRANSFER_SYNTAX: {error}", id="capacitor.E005")
        return
    if not writable:
        yield Warning(
            f"CAPACITOR_TRANSFER_SYNTAX={name}: {NO_ENCODER}; images that come in another one are Rejected.",
            hint="Name one of these, or leave it empty to send images as they came.",
            id="capacitor.W008",
        )


def title_prefix(environment: Environment) -> Iterator[CheckMessage]:
    try:
        # A title of one letter must still fit behind it.
        checked(environment.ae_title_prefix + "A")
    except IllegalAETitle as error:
        yield Error(
            f"CAPACITOR_AE_TITLE_PREFIX={environment.ae_title_prefix!r} leaves no legal AE title: {error}.",
            id="capacitor.E006",
        )


def mistyped_variables(environment: Environment) -> Iterator[CheckMessage]:
    for name, close in unknown_variables(given_variables(settings.BASE_DIR, os.environ)).items():
        yield Warning(
            f"{name} is set, but there is no such setting" + (f"; did you mean {close}?" if close else "."),
            hint="docs/settings.md lists all.",
            id="capacitor.W001",
        )


def process_counts(environment: Environment) -> Iterator[CheckMessage]:
    for name, count, effect in (
        ("CAPACITOR_LISTENERS", environment.listeners, "receives images"),
        ("CAPACITOR_WORKERS", environment.workers, "prepares and sends images"),
    ):
        if count == 0:
            yield Warning(
                f"{name}=0: `manage.py up` starts nothing that {effect}.",
                hint="Right only where these processes are started by themselves.",
                id="capacitor.W003",
            )


def files_without_sync(environment: Environment) -> Iterator[CheckMessage]:
    if environment.durable == "none":
        yield Warning(
            "CAPACITOR_DURABLE=none: images that were acknowledged are lost when the power fails.",
            hint="For benchmarks only.",
            id="capacitor.W005",
        )


def reachable_site(environment: Environment) -> Iterator[CheckMessage]:
    if environment.web_host not in LOCAL and set(environment.allowed_hosts) <= {*LOCAL, "[::1]"}:
        yield Warning(
            f"CAPACITOR_WEB_HOST={environment.web_host}, but CAPACITOR_ALLOWED_HOSTS has only local names: "
            "browsers elsewhere get error 400.",
            hint="Add the name or address that they use.",
            id="capacitor.W006",
        )


def script_user(environment: Environment) -> Iterator[CheckMessage]:
    name = environment.script_user
    if name and (what := _wrong_with_script_user(name, environment)):
        yield Error(f"CAPACITOR_SCRIPT_USER={name!r} {what}.", id="capacitor.E014")


def _wrong_with_script_user(name: str, environment: Environment) -> str:
    if environment.script_process != "image":
        return "is set, but CAPACITOR_SCRIPT_PROCESS is not image"
    try:
        uid = pwd.getpwnam(name).pw_uid
    except KeyError:
        return "is no user of this machine"
    if uid == 0:
        return "would give scripts the rights of root"
    folder = environment.data_dir
    # A command may be root's; whose the router is tells its folder.
    owners = {os.geteuid(), folder.stat().st_uid if folder.is_dir() else 0}
    return "is the user of the router itself, whose files it is to keep from scripts" if uid in owners else ""


CHECKS: tuple[Callable[[Environment], Iterator[CheckMessage]], ...] = (
    data_folder,
    distinct_ports,
    tls_files,
    transfer_syntax,
    title_prefix,
    script_user,
    mistyped_variables,
    process_counts,
    exposed_site,
    files_without_sync,
    reachable_site,
)


@register("settings")
def settings_make_sense(**_: Any) -> list[CheckMessage]:
    return [message for check in CHECKS for message in check(settings.CAPACITOR)]


def sentence(message: CheckMessage) -> str:
    """One finding as whoever starts the router reads it."""
    word = "Cannot start" if message.level >= ERROR else "Note"
    return f"{word}: {' '.join(part for part in (message.msg, message.hint) if part)} ({message.id})"


def rights_of_workers(environment: Environment) -> Iterator[CheckMessage]:
    """Asked before a start that brings workers along: listener, site and commands need no right to run scripts."""
    if why := capabilities.not_as(environment.script_user):
        yield Error(why, hint=f"See {capabilities.WHO_GRANTS}.", id="capacitor.E015")


def taken_ports(environment: Environment) -> Iterator[CheckMessage]:
    """Ports that another program listens on; asked before a start only, for a running router takes them itself."""
    for name, host, port in listening(environment):
        host_setting = "CAPACITOR_WEB_HOST" if name == "CAPACITOR_WEB_PORT" else "CAPACITOR_DICOM_HOST"
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                # A host that does not exist has its words in the error alone, not in the system's table.
                yield Error(
                    f"{name}={port}: cannot listen on {host}: {error.strerror or error}.",
                    hint=WHAT_TO_DO.get(error.errno or 0, f"{host_setting} must be an address of this machine."),
                    id="capacitor.E007",
                )


def listening(environment: Environment) -> list[tuple[str, str, int]]:
    """Setting, address and port of everything that will listen; port 0 (any free one) is left out."""
    ports = [
        ("CAPACITOR_WEB_PORT", environment.web_host, environment.web_port),
        ("CAPACITOR_DICOM_PORT", environment.dicom_host, environment.dicom_port),
        ("CAPACITOR_TLS_PORT", environment.dicom_host, environment.tls_port),
    ]
    return [row for row in ports if row[2]]


def database_in_danger(environment: Environment) -> Iterator[CheckMessage]:
    """A damaged SQLite file, a new database beside a spool with images, or a newer one; asked before a start only."""
    try:
        database_file.look()
    except database_file.DatabaseInDanger as danger:
        yield Error(f"{danger}.", id="capacitor.E009")
    except DatabaseProblem:
        # That it does not answer at all is said by another check.
        return


def unusable_database(environment: Environment) -> Iterator[CheckMessage]:
    """A database that does not answer; asked before a start only, for a running router outlives its absence."""
    try:
        connection.ensure_connection()
    except DatabaseProblem as error:
        name = "DATABASE_URL" if environment.database_url else f"CAPACITOR_DATA_DIR={environment.data_dir}"
        yield Error(
            f"{name}: the database cannot be used: {first_line(error)}.",
            hint="Does its server run, and are host, port, name, user and password right?"
            if environment.database_url
            else "capacitor.sqlite3 must be an SQLite file that this user can read and write.",
            id="capacitor.E008",
        )
