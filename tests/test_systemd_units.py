"""The units of docs/systemd are understood by systemd, and say what the manual says of them."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from capacitor_web.environment import Environment
from routing.management.commands.up import ALIVE_WITHIN, KEPT_CHUNKS, SERVED
from routing.processes import capabilities
from tests.clean_environment import without_settings

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs/systemd"
UNITS = sorted(path for path in FOLDER.rglob("*") if path.is_file())
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]


def test_there_is_a_unit_for_each_kind_of_process() -> None:
    assert [unit.name for unit in UNITS] == [
        "capacitor-listener.service",
        "capacitor-web.service",
        "capacitor-worker.service",
        "scripts-user.conf",
        "capacitor.target",
    ]


def granted(unit: str) -> dict[str, str]:
    """The lines about capabilities."""
    lines = (FOLDER / unit).read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line.startswith(("CapabilityBoundingSet=", "AmbientCap")))


def test_a_worker_may_change_users_only_where_scripts_have_one_of_their_own() -> None:
    assert granted("capacitor-worker.service") == {"CapabilityBoundingSet": ""}
    rights = "CAP_SETUID CAP_SETGID CAP_KILL"
    assert granted("capacitor-worker.service.d/scripts-user.conf") == {
        "CapabilityBoundingSet": rights,
        "AmbientCapabilities": rights,
    }
    assert (ROOT / capabilities.WHO_GRANTS.partition(",")[0]).is_file()


def test_a_worker_of_systemd_keeps_the_same_memory_at_hand_as_that_of_run() -> None:
    lines = (FOLDER / "capacitor-worker.service").read_text(encoding="utf-8").splitlines()
    assert [f"Environment={name}={value}" in lines for name, value in KEPT_CHUNKS.items()] == [True]


def test_the_site_of_systemd_is_that_of_run_with_a_log_for_the_log_page() -> None:
    (command,) = (
        line for line in SERVICES[1].read_text(encoding="utf-8").splitlines() if line.startswith("ExecStart=")
    )
    assert command.split()[-1] == SERVED


def test_the_site_of_systemd_listens_where_the_settings_say_which_its_checks_judge_by() -> None:
    lines = SERVICES[1].read_text(encoding="utf-8").splitlines()
    (command,) = (line for line in lines if line.startswith("ExecStart="))
    assert "--bind ${CAPACITOR_WEB_HOST} --port ${CAPACITOR_WEB_PORT} " in command
    host, port = (Environment.__dataclass_fields__[name].default for name in ("web_host", "web_port"))
    assert f"Environment=CAPACITOR_WEB_HOST={host} CAPACITOR_WEB_PORT={port}" in lines


@pytest.mark.parametrize("name", ["listener", "worker"])
def test_systemd_looks_for_a_sign_of_life_as_often_as_run_does(name: str) -> None:
    lines = (FOLDER / f"capacitor-{name}.service").read_text(encoding="utf-8").splitlines()
    assert "Type=notify" in lines
    assert f"WatchdogSec={ALIVE_WITHIN:g}" in lines


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.stem)
def test_a_service_is_shut_in_and_leaves_no_core_dump(unit: Path) -> None:
    lines = unit.read_text(encoding="utf-8").splitlines()
    for line in (
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "PrivateTmp=yes",
        "PrivateDevices=yes",
        "SystemCallFilter=@system-service",
        "LimitCORE=0",
        "UMask=0077",
        "Restart=always",
        "ReadWritePaths=/var/lib/capacitor",
        "RequiresMountsFor=/var/lib/capacitor",
    ):
        assert line in lines, line
    assert any(line.startswith("TasksMax=") for line in lines)
    assert any(line.startswith("MemoryMax=") for line in lines)


@pytest.mark.integration
def test_systemd_understands_every_line(tmp_path: Path) -> None:
    verify = shutil.which("systemd-analyze")
    if verify is None:
        pytest.skip("systemd-analyze is not installed")
    for unit in UNITS:
        # It looks for the program, which is elsewhere on this machine.
        text = unit.read_text(encoding="utf-8").replace("/opt/capacitor/.venv/bin/python", sys.executable)
        copy = tmp_path / unit.relative_to(FOLDER)
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(text)
    done = subprocess.run(
        [verify, "verify", "--man=no", *map(str, sorted(path for path in tmp_path.iterdir() if path.is_file()))],
        capture_output=True,
        text=True,
        env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:", "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"},
    )
    ours = [line for line in done.stderr.splitlines() if "capacitor" in line]
    assert not ours


def test_the_manual_runs_commands_under_the_settings_of_the_units_in_a_folder_that_is_there() -> None:
    manual = (ROOT / "docs/manual/hardening.md").read_text(encoding="utf-8")
    units = [unit.read_text(encoding="utf-8").splitlines() for unit in SERVICES]
    for setting, option in (
        ("EnvironmentFile=/etc/capacitor/capacitor.env", "--property="),
        ("Environment=CAPACITOR_DATA_DIR=/var/lib/capacitor", "--setenv="),
        ("User=capacitor", "--uid="),
        ("UMask=0077", "--property="),
    ):
        assert all(setting in lines for lines in units), setting
        assert option + setting.removeprefix("Environment=").removeprefix("User=") in manual
    made = manual.index("install -d -m 0700 -o capacitor -g capacitor /var/lib/capacitor\n")
    assert made < manual.index("\nmanage migrate\n")
    assert "sudo -u capacitor" not in manual


def test_the_manual_installs_whoever_listens_on_the_usual_ports_and_without_the_settings_of_the_units(
    tmp_path: Path,
) -> None:
    """The settings file names other ports, which is known to the units alone."""
    manual = (ROOT / "docs/manual/hardening.md").read_text(encoding="utf-8")
    lines = [line for line in manual.splitlines() if line.endswith("run install")]
    assert len(lines) == 2
    assert manual.index("rm .env\n") < manual.index(lines[0])
    with socket.socket() as taken:
        with contextlib.suppress(OSError):
            taken.bind(("127.0.0.1", 8080))
            taken.listen()
        for line in lines:
            said = dict(word.split("=", 1) for word in line.split() if "=" in word)
            environment = without_settings() | said | {"CAPACITOR_DATA_DIR": str(tmp_path)}
            done = subprocess.run([sys.executable, "manage.py", "preflight"], cwd=ROOT, env=environment, text=True)
            assert done.returncode == 0
