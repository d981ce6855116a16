"""A site that others can reach does not start with unsafe settings, and Django's own list has nothing to add."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from routing.management.commands.up import SERVED

ROOT = Path(__file__).resolve().parents[2]
BEHIND_A_PROXY = {"CAPACITOR_HTTPS": "1", "CAPACITOR_ALLOWED_HOSTS": "router.example"}


def managed(folder: Path, *command: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return started(folder, "manage.py", *command, **variables)


def started(folder: Path, *command: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CAPACITOR_")}
    environment = {**kept, "CAPACITOR_DATA_DIR": str(folder), "CAPACITOR_MIN_FREE_MIB": "0", **variables}
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )


@pytest.mark.integration
@pytest.mark.fault(123, "the router started with unsafe settings on an address that others reach")
def test_the_router_refuses_to_start_with_unsafe_settings(tmp_path, seen):
    unsafe = {"CAPACITOR_WEB_HOST": "0.0.0.0", "CAPACITOR_DEBUG": "1", "CAPACITOR_ALLOWED_HOSTS": "*"}
    done = managed(tmp_path, "up", **unsafe, CAPACITOR_SECRET_KEY="changeme")
    assert done.returncode == 1
    for name in ("capacitor.E010", "capacitor.E011", "capacitor.E012", "capacitor.E013"):
        assert name in done.stderr
    assert "changeme" not in done.stderr
    assert not (tmp_path / "logs").exists()
    seen("4 of 4 unsafe settings named, nothing started")


@pytest.mark.integration
@pytest.mark.fault(123, "the site started by itself, as a unit of systemd starts it, with unsafe settings")
def test_the_site_alone_refuses_to_start_with_unsafe_settings(tmp_path, seen):
    unsafe = {"CAPACITOR_HTTPS": "1", "CAPACITOR_DEBUG": "1", "CAPACITOR_ALLOWED_HOSTS": "*"}
    done = started(tmp_path, "-c", f"import {SERVED.partition(':')[0]}", **unsafe, CAPACITOR_SECRET_KEY="changeme")
    assert done.returncode == 1
    for name in ("capacitor.E010", "capacitor.E011", "capacitor.E013"):
        assert name in done.stderr
    assert "changeme" not in done.stderr
    assert not (tmp_path / "logs").exists()
    seen("3 of 3 unsafe settings named, nothing served")
    safe = started(tmp_path, "-c", f"import {SERVED.partition(':')[0]}", **BEHIND_A_PROXY)
    assert safe.returncode == 0, safe.stderr


@pytest.mark.integration
def test_what_is_wrong_with_the_listener_keeps_nobody_from_the_site(tmp_path):
    module = SERVED.partition(":")[0]
    done = started(tmp_path, "-c", f"import {module}", **BEHIND_A_PROXY, CAPACITOR_TLS_PORT="2762")
    assert done.returncode == 0, done.stderr
    assert "capacitor.E003" in managed(tmp_path, "check", **BEHIND_A_PROXY, CAPACITOR_TLS_PORT="2762").stderr


@pytest.mark.integration
@pytest.mark.fault(123, "Django's own checks of a deployment")
def test_djangos_list_for_deployments_has_nothing_to_add(tmp_path, seen):
    done = managed(tmp_path, "check", "--deploy", "--fail-level", "WARNING", **BEHIND_A_PROXY)
    assert done.returncode == 0, done.stderr
    seen("check --deploy: no issue")
