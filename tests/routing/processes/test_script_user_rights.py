"""Who runs scripts as another user has the right to, or does not start; who runs none needs no right."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from routing.management.commands import queue_worker
from routing.processes import capabilities

NOBODY = 65534


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_root_has_the_rights_and_who_it_becomes_has_not() -> None:
    assert capabilities.missing_for_another_user() == []
    end, start = os.pipe()
    pid = os.fork()
    if not pid:
        os.setresuid(NOBODY, NOBODY, NOBODY)
        os.write(start, " ".join(capabilities.missing_for_another_user()).encode())
        os._exit(0)
    os.close(start)
    with os.fdopen(end) as said:
        assert said.read() == "CAP_KILL CAP_SETGID CAP_SETUID"
    os.waitpid(pid, 0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
@pytest.mark.parametrize("left", [False, True])
def test_who_becomes_the_scripts_user_has_no_capability_left_or_does_not_go_on(
    monkeypatch: pytest.MonkeyPatch, left: bool
) -> None:
    if left:
        monkeypatch.setattr(capabilities, "_held", lambda kind: kind == b"CapAmb")
    end, start = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            capabilities.become(NOBODY, NOBODY)
            lines = Path("/proc/self/status").read_bytes().splitlines()
            os.write(start, b" ".join(line for line in lines if line.startswith(b"Cap")))
        except PermissionError as error:
            os.write(start, str(error).encode())
        finally:
            os._exit(0)
    os.close(start)
    with os.fdopen(end) as said:
        sets = " ".join(f"Cap{name}:\t{'0' * 16}" for name in ("Inh", "Prm", "Eff", "Bnd", "Amb"))
        assert said.read() == ("a capability is left" if left else sets)
    os.waitpid(pid, 0)


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The roles of workers that would have been started, as a user without rights."""
    found: list[list[str]] = []

    class Noted:
        def __init__(self, roles: list[Any], **_: Any) -> None:
            found.append([role.name for role in roles])

        def run(self) -> None:
            pass

    service = dataclasses.replace(settings.CAPACITOR, script_user="nobody", script_process="image")
    monkeypatch.setattr(settings, "CAPACITOR", service)
    monkeypatch.setattr(queue_worker, "Watchdog", Noted)
    monkeypatch.setattr(queue_worker.database_file, "look_where_it_answers", lambda: None)
    monkeypatch.setattr(queue_worker.application_log, "start", lambda *_, **__: None)
    monkeypatch.setattr(capabilities, "missing_for_another_user", lambda: ["CAP_SETUID"])
    return found


@pytest.mark.parametrize("roles", [(), ("prepare",), ("deliver", "prepare")])
def test_a_worker_that_prepares_is_refused_with_what_it_lacks(begun: list[list[str]], roles: tuple[str, ...]) -> None:
    with pytest.raises(
        CommandError,
        match=r"'nobody': the router has not the right to become another user \(CAP_SETUID\)\. See docs/systemd",
    ):
        call_command("queue_worker", role=list(roles) or None, skip_checks=True)
    assert begun == []


def test_a_worker_that_runs_no_scripts_starts(begun: list[list[str]]) -> None:
    call_command("queue_worker", role=["deliver", "housekeep"], skip_checks=True)
    assert begun == [["deliver", "housekeep"]]
