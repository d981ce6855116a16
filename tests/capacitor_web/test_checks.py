"""What an operator can get wrong is said at start-up, with an id that the manual explains."""

import os
import pwd
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import call_command

from capacitor_web import checks
from capacitor_web.environment import Environment
from routing.processes import capabilities
from tests.routing.dicom.test_tls import certificate

ROOT = Path(__file__).resolve().parents[2]


def settings_with(tmp_path: Path, **values: Any) -> Environment:
    return Environment(data_dir=tmp_path, min_free_mib=0, **values)


def found(environment: Environment) -> list[str]:
    """Ids, without the prefix, of what all checks but the one of the real environment say."""
    ours = [check for check in checks.CHECKS if check is not checks.mistyped_variables]
    return [str(message.id).removeprefix("capacitor.") for check in ours for message in check(environment)]


def test_the_defaults_are_in_order(tmp_path):
    assert found(settings_with(tmp_path)) == []


def test_a_data_folder_that_is_not_there_is_an_error(tmp_path):
    assert found(Environment(data_dir=tmp_path / "missing")) == ["E001"]


@pytest.mark.parametrize("name", ["spool", "logs/rows.log", "spool/20261129", "spool/prepared"])
def test_what_a_command_run_as_somebody_else_has_left_is_an_error_that_names_it(tmp_path, monkeypatch, name):
    for made in ("spool/20261129", "spool/prepared", "logs", "lost+found"):
        (tmp_path / made).mkdir(parents=True)
    (tmp_path / "logs/rows.log").touch()
    # Tests may run as root, who may write everywhere.
    theirs = {tmp_path / name, tmp_path / "lost+found"}
    monkeypatch.setattr(checks.os, "access", lambda path, mode: path not in theirs)
    (message,) = checks.data_folder(settings_with(tmp_path))
    assert message.id == "capacitor.E001"
    assert f"cannot write {tmp_path / name}: was the router, or a command, run as another one?" in message.msg


def test_a_nearly_full_disk_is_a_warning(tmp_path):
    assert found(Environment(data_dir=tmp_path, min_free_mib=10**9)) == ["W002"]


@pytest.mark.fault(123, "debug pages, any host, no TLS, a key that can be guessed")
@pytest.mark.parametrize(
    ("values", "ids"),
    [
        ({"web_port": 104, "dicom_port": 104}, ["E002"]),
        ({"web_port": 0, "dicom_port": 0}, []),
        ({"transfer_syntax": "JPEG2000Lossless"}, []),
        ({"transfer_syntax": "JPEG3000"}, ["E005"]),
        ({"transfer_syntax": "JPEGProcess1"}, ["W008"]),
        ({"transfer_syntax": "1.2.840.10008.1.2.4.50"}, ["W008"]),
        ({"ae_title_prefix": "A" * 16}, ["E006"]),
        ({"ae_title_prefix": ""}, []),
        ({"listeners": 0, "workers": 0}, ["W003", "W003"]),
        ({"debug": True}, []),
        ({"debug": True, "https": True}, ["E010"]),
        ({"allowed_hosts": ("*",)}, []),
        ({"allowed_hosts": ("*", "router.example"), "https": True}, ["E011"]),
        ({"secret_key": "short"}, []),
        ({"secret_key": "short", "https": True}, ["E013"]),
        ({"secret_key": "a" * 60, "https": True}, ["E013"]),
        ({"secret_key": "django-insecure-" + "k4@Zpx" * 10, "https": True}, ["E013"]),
        ({"secret_key": "k4@ZpxQw" * 8, "https": True}, []),
        ({"web_host": "0.0.0.0", "allowed_hosts": ("*",), "debug": True}, ["E010", "E011", "E012"]),
        ({"durable": "none"}, ["W005"]),
        ({"script_user": "nobody"}, ["E014"]),
        ({"script_user": "no-such-user", "script_process": "image"}, ["E014"]),
        ({"script_user": "root", "script_process": "image"}, ["E014"]),
        ({"web_host": "0.0.0.0", "https": True}, ["W006"]),
        ({"web_host": "0.0.0.0", "https": True, "allowed_hosts": ("router.example",)}, []),
        ({"web_host": "0.0.0.0", "allowed_hosts": ("router.example",)}, ["E012"]),
        ({"web_host": "0.0.0.0", "plain_http": True, "allowed_hosts": ("router.example",)}, ["W007"]),
    ],
)
def test_each_mistake_has_its_own_id(tmp_path, values, ids):
    assert found(settings_with(tmp_path, **values)) == ids


def test_tls_needs_a_certificate_and_a_key(tmp_path):
    assert found(settings_with(tmp_path, tls_port=2762)) == ["E003", "E003"]


def test_tls_files_that_are_no_certificates_are_named_as_such(tmp_path):
    (tmp_path / "cert.pem").write_text("not a certificate")
    path = str(tmp_path / "cert.pem")
    assert found(settings_with(tmp_path, tls_port=2762, tls_certificate=path, tls_key=path)) == ["E004"]


def test_a_key_that_needs_a_pass_phrase_is_told_and_the_terminal_is_not_asked(tmp_path):
    made, key = map(str, certificate(tmp_path / "tls", pass_phrase=b"secret"))
    (problem,) = checks.tls_files(settings_with(tmp_path, tls_port=2762, tls_certificate=made, tls_key=key))
    assert problem.msg == "The TLS files do not work together: the key needs a pass phrase."


def test_without_a_tls_port_nobody_asks_for_certificates(tmp_path):
    assert found(settings_with(tmp_path, tls_certificate="missing.pem")) == []


@pytest.mark.parametrize("knows", ["the process", "the data folder"])
def test_the_user_of_the_router_itself_is_none_for_scripts(tmp_path, monkeypatch, knows):
    """A service runs as its user, a command may be root's."""
    nobody = pwd.getpwnam("nobody").pw_uid
    if knows == "the process":
        monkeypatch.setattr(checks.os, "geteuid", lambda: nobody)
    else:
        named = SimpleNamespace(pw_uid=tmp_path.stat().st_uid or nobody)
        if not tmp_path.stat().st_uid:
            os.chown(tmp_path, nobody, -1)
        monkeypatch.setattr(checks.pwd, "getpwnam", lambda name: named)
        monkeypatch.setattr(checks.os, "geteuid", lambda: 0)
    (message,) = checks.script_user(settings_with(tmp_path, script_user="nobody", script_process="image"))
    assert message.msg == (
        "CAPACITOR_SCRIPT_USER='nobody' is the user of the router itself, whose files it is to keep from scripts."
    )


def test_becoming_another_user_takes_rights_that_are_named(tmp_path, monkeypatch):
    asked = settings_with(tmp_path, script_user="nobody", script_process="image")
    monkeypatch.setattr(capabilities, "missing_for_another_user", list)
    assert list(checks.rights_of_workers(asked)) == []
    monkeypatch.setattr(capabilities, "missing_for_another_user", lambda: ["CAP_SETUID"])
    (message,) = checks.rights_of_workers(asked)
    assert "the router has not the right to become another user (CAP_SETUID)" in message.msg
    assert list(checks.rights_of_workers(settings_with(tmp_path))) == []
    # A listener, the site or a command runs no scripts: it starts without that right.
    assert found(asked) == []


def test_a_mistyped_variable_is_a_warning_that_names_the_setting(tmp_path, monkeypatch, settings):
    settings.BASE_DIR = tmp_path
    monkeypatch.setenv("CAPACITOR_DICOM_PROT", "104")
    messages = list(checks.mistyped_variables(settings_with(tmp_path)))
    assert [message.id for message in messages] == ["capacitor.W001"]
    assert "did you mean CAPACITOR_DICOM_PORT?" in messages[0].msg


@pytest.mark.fault(22)
@pytest.mark.django_db
def test_a_port_that_another_program_has_is_named_before_the_start(tmp_path, settings, capsys):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        settings.CAPACITOR = settings_with(tmp_path, dicom_host="127.0.0.1", dicom_port=port, web_port=0)
        with pytest.raises(SystemExit) as caught:
            call_command("preflight")
    assert caught.value.code == 1
    said = capsys.readouterr().err
    assert f"Cannot start: CAPACITOR_DICOM_PORT={port}: cannot listen on 127.0.0.1: Address already in use." in said
    assert "(capacitor.E007)" in said


@pytest.mark.parametrize("host", ["no such host", "192.0.2.1"])
def test_an_address_that_is_not_this_machines_is_named_with_its_setting(tmp_path, host):
    (message,) = checks.taken_ports(settings_with(tmp_path, dicom_host=host, web_port=0))
    assert f"cannot listen on {host}: " in message.msg
    assert "Unknown error" not in message.msg
    assert message.hint == "CAPACITOR_DICOM_HOST must be an address of this machine."


def preflight_in(folder: Path, **variables: str) -> str:
    """What preflight complains of with these settings, in a process of its own, where the database is the real one."""
    environment = {**os.environ, "CAPACITOR_DATA_DIR": str(folder), "CAPACITOR_MIN_FREE_MIB": "0", **variables}
    command = [sys.executable, "manage.py", "preflight"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    return done.stderr


@pytest.mark.integration
def test_a_database_server_that_does_not_answer_is_named_before_the_start_without_its_password(tmp_path):
    said = preflight_in(tmp_path, DATABASE_URL="postgres://router:correct-horse@127.0.0.1:1/capacitor")
    assert "Cannot start: DATABASE_URL: the database cannot be used: connection failed" in said
    assert "(capacitor.E008)" in said
    assert "correct-horse" not in said


@pytest.mark.integration
def test_a_file_that_is_no_database_is_named_before_the_start(tmp_path):
    (tmp_path / "capacitor.sqlite3").write_text("no database " * 100)
    said = preflight_in(tmp_path)
    assert "Cannot start: the database capacitor.sqlite3 is damaged (file is not a database)" in said
    assert "manage.py recover" in said and "(capacitor.E009)" in said


@pytest.mark.integration
def test_a_command_without_a_database_says_so_in_one_sentence(tmp_path):
    environment = {**os.environ, "CAPACITOR_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "manage.py", "queue_status"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("The database cannot be used: no such table")
    assert done.stderr.count("\n") == 1


@pytest.mark.django_db
def test_preflight_says_nothing_when_all_is_well(tmp_path, settings, capsys, monkeypatch):
    monkeypatch.setattr(checks, "given_variables", lambda *_: {})
    settings.CAPACITOR = settings_with(tmp_path, dicom_port=0, web_port=0)
    call_command("preflight")
    assert capsys.readouterr() == ("", "")
