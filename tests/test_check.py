"""./check runs what it says, without this machine's settings, and says what it needs."""

import importlib.machinery
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def check(monkeypatch) -> ModuleType:
    """The script as a module, not run."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader = importlib.machinery.SourceFileLoader("check_script", str(ROOT / "check"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("check_script", loader))
    loader.exec_module(module)
    return module


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, str(ROOT / "check"), *words], capture_output=True, text=True)


def test_help_names_every_tier(check):
    said = run("--help")
    assert said.returncode == 0
    assert all(f"./check {tier}" in said.stdout for tier in ["static", *check.TIERS])


def test_a_word_that_check_does_not_know_fails_before_anything_runs():
    refused = run("untis")
    assert refused.returncode == 1
    assert "not 'untis'" in refused.stderr


def test_words_behind_the_dashes_are_for_pytest(check):
    assert check.split(["unit", "--", "-k", "retry"], "--") == (["unit"], ["-k", "retry"])
    assert check.split(["unit"], "--") == (["unit"], [])


def test_the_tiers_leave_no_test_out(check):
    marks = {name: command[command.index("-m") + 1] for name, command in check.TIERS.items()}
    assert marks == {
        "unit": "not integration and not browser",
        "site": "not integration and not browser",
        "integration": "integration and not browser",
        "browser": "browser",
    }
    left_out = {name: command[-1] for name, command in check.TIERS.items() if "tests/pages" in command[-1]}
    assert left_out == {"unit": "--ignore=tests/pages", "site": "tests/pages"}


def test_settings_of_this_machine_do_not_reach_the_tests(check, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("# mine\nexport LUA_STDLIB=restricted\nCAPACITOR_WEB_PORT=1\n")
    monkeypatch.setenv("CAPACITOR_AE_TITLE", "MINE")
    environment = check.without_settings()
    assert "CAPACITOR_AE_TITLE" not in environment
    # Empty means the default, and wins over the file.
    assert environment["LUA_STDLIB"] == environment["CAPACITOR_WEB_PORT"] == ""


def test_packages_that_cannot_be_installed_are_named(check, monkeypatch):
    monkeypatch.setattr(check.shutil, "which", lambda program: None)
    assert check.missing_packages() == "chromium dcmtk"


def test_nothing_is_installed_when_nothing_is_missing(check, monkeypatch):
    monkeypatch.setattr(check.shutil, "which", lambda program: f"/bin/{program}")
    monkeypatch.setattr(check.subprocess, "call", lambda *_: pytest.fail("apt-get was called"))
    assert check.missing_packages() == ""


def test_a_format_check_without_templates_has_nothing_to_do(check, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert check.run(["false", "TEMPLATES"], {}) == 0
