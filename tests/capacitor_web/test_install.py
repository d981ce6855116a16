"""The first command makes its environment, once, and says in one sentence why it cannot."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from capacitor_web import install as installing
from capacitor_web.install import CannotInstall, install, why_pip_failed

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def locks_installed(tmp_path, monkeypatch):
    """A project folder with one lock; answers the list of locks that pip was asked for."""
    asked = []
    (tmp_path / "requirements.lock").write_text("one==1 --hash=sha256:0\n")
    (tmp_path / ".venv").mkdir()
    monkeypatch.setattr(installing, "ROOT", tmp_path)
    monkeypatch.setattr(installing, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(installing, "make_environment", lambda: None)
    monkeypatch.setattr(installing, "install_lock", lambda lock: asked.append(lock.read_text()))
    return asked


def test_a_lock_is_installed_once(locks_installed):
    install("requirements.lock")
    install("requirements.lock")
    assert len(locks_installed) == 1


def test_a_changed_lock_is_installed_again(locks_installed, tmp_path):
    install("requirements.lock")
    (tmp_path / "requirements.lock").write_text("one==2 --hash=sha256:0\n")
    install("requirements.lock")
    assert len(locks_installed) == 2


def test_an_installation_that_failed_is_taken_up_again(locks_installed, monkeypatch):
    def fail(lock: Path) -> None:
        raise CannotInstall("no")

    with monkeypatch.context() as patch, pytest.raises(CannotInstall):
        patch.setattr(installing, "install_lock", fail)
        install("requirements.lock")
    install("requirements.lock")
    assert len(locks_installed) == 1


@pytest.mark.parametrize("owned", ["requirements.lock", ".venv/bin/python", ".venv/.installed-requirements.lock"])
def test_what_somebody_else_has_installed_is_told_in_a_sentence(locks_installed, tmp_path, monkeypatch, owned):
    """By root with a umask of 077, or with a Python in root's home; a user of the service found a traceback."""

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(tmp_path / owned))

    # Tests may run as root, who may read and write everywhere.
    place = {
        "requirements.lock": (Path, "open"),
        ".venv/bin/python": (installing, "make_environment"),
        ".venv/.installed-requirements.lock": (Path, "write_text"),
    }
    with monkeypatch.context() as patch, pytest.raises(CannotInstall) as caught:
        patch.setattr(*place[owned], denied)
        install("requirements.lock")
    assert str(caught.value).startswith(f"{tmp_path / owned}: Permission denied. Who owns {tmp_path} installs")


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("WARNING: Retrying ... Temporary failure in name resolution\nERROR: No matching", "is there a network"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM", "its hash differs"),
        ("ERROR: Could not install: [Errno 28] No space left on device", "no space is left"),
        ("noise\nERROR: something else\nhint", "pip failed: something else"),
        ("", "no reason was given"),
    ],
)
def test_a_failure_of_pip_becomes_one_sentence(printed, said):
    assert said in why_pip_failed(printed)
    assert "\n" not in why_pip_failed(printed)


def test_without_ensurepip_and_pip_the_missing_package_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(installing, "PYTHON", tmp_path / "none")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(CannotInstall, match="apt-get install python3-venv"):
        installing.make_environment()


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, str(ROOT / "run"), *arguments], capture_output=True, text=True)


def test_help_names_both_ways_to_start():
    assert "./run demo" in run("--help").stdout


def test_a_word_that_run_does_not_know_is_refused_before_anything_is_installed():
    refused = run("dmeo")
    assert refused.returncode == 1
    assert "does not know 'dmeo'" in refused.stderr
