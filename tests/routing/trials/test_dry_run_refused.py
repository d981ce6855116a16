"""manage.py dry_run: scripts that hang or reach too far, and input that is none."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.routing.trials import dry_runs
from tests.routing.trials.dry_runs import CT, entry, refused, scripts, tried

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.integration]
configuration = dry_runs.configuration
HANG = 'print(1) return (("a"):rep(60)):find(("a*"):rep(30) .. "b")'


@pytest.fixture
def a_second(settings: Any) -> None:
    from dataclasses import replace

    settings.CAPACITOR = replace(settings.CAPACITOR, lua_seconds=1)


@pytest.mark.usefixtures("a_second")
def test_a_script_that_hangs_in_c_is_killed_and_has_failed(configuration: Path) -> None:
    scripts(
        configuration,
        entry("error('first')", "Description: One"),
        entry("print(1)", "AeTitles: [RESEARCH]"),
        entry(HANG, "Description: Hangs"),
        entry("print(1)"),
    )
    result = tried(configuration)
    assert (result["result"], result["outputs"]) == ("failed", [])
    assert result["message"] == "entry 3 (Hangs): script exceeded its limit of 1 s"
    assert [(told["status"], told["reason"]) for told in result["entries"]] == [
        ("error", "first"),
        ("skipped", "destination is 'PACS', wanted RESEARCH"),
        ("error", "script exceeded its limit of 1 s"),
        ("skipped", "not reached: entry 3 stopped the pipeline"),
    ]


@pytest.mark.usefixtures("a_second")
def test_a_condition_that_never_comes_to_an_end_is_killed_too(configuration: Path) -> None:
    conditions = ["Conditions:", "  - Tag: Rows", "    MatchExpression: ^1", "  - Tag: ImageComments"]
    slow = entry("print(1)", *conditions, "    MatchExpression: ^(x+x+)+y$")
    scripts(configuration, entry(f"dataset:Set('ImageComments', '{'x' * 60}')"), slow)
    result = tried(configuration)
    assert (result["result"], result["outputs"]) == ("failed", [])
    assert result["message"] == "entry 2: script exceeded its limit of 1 s"
    assert [told["status"] for told in result["entries"]] == ["ran", "error"]


@pytest.mark.fault(76, "nine of them, by the command; pages ask the same process")
@pytest.mark.usefixtures("a_second")
@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("while true do end", "exceeded its limit of 1 s"),
        ("while true do pcall(function() while true do end end) end", "exceeded its limit of 1 s"),
        ("local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1e4) .. i end", "exceeded its limit of"),
        ("os.exit(0)", "os.exit is not available"),
        ("io.open('/etc/passwd')", "io.open is not available: this run may not touch files"),
        ("os.execute('true')", "os.execute is not available"),
        ("os.getenv('HOME')", "os.getenv is not available"),
        ("require('x')", "require is not available"),
        ("for i = 1, 5e3 do print(i) end error('full')", "full"),
    ],
)
def test_a_dry_run_is_restricted_and_limited(configuration: Path, script: str, words: str) -> None:
    result = tried(scripts(configuration, entry(script)))
    assert words in result["entries"][0]["reason"]
    assert len(result["item_log"]) <= 1001


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "No such file"), (b"", "is empty"), (b"GIF89a" + bytes(500), "cannot be edited"), (b"plain text", "")],
)
def test_an_unreadable_file_is_bad_input(
    configuration: Path, tmp_path: Path, content: bytes | None, words: str
) -> None:
    path = tmp_path / "file.dcm"
    if content is not None:
        path.write_bytes(content)
    scripts(configuration, entry("print(1)"))
    message = refused("--config", configuration, path=path)
    assert message.startswith(str(path))
    assert words in message


def test_a_pipe_is_not_waited_for(configuration: Path, tmp_path: Path) -> None:
    path = tmp_path / "pipe.dcm"
    os.mkfifo(path)
    scripts(configuration, entry("print(1)"))
    assert refused("--config", configuration, path=path) == f"{path}: not a file"


def test_a_folder_that_cannot_be_made_is_bad_input(configuration: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    scripts(configuration, entry("print(1)"))
    assert str(tmp_path / "taken") in refused("--config", configuration, "--output", tmp_path / "taken")


def test_the_file_itself_is_never_overwritten(configuration: Path, tmp_path: Path) -> None:
    path = tmp_path / "1-PACS.dcm"
    path.write_bytes(CT.read_bytes())
    scripts(configuration, entry("dataset:Set('PatientID', '9')"))
    assert "would overwrite" in refused("--config", configuration, "--output", tmp_path, path=path)
    assert path.read_bytes() == CT.read_bytes()


@pytest.mark.parametrize(
    ("lua", "words"),
    [
        ("- Script: x =\n", "lua.yml:1: "),
        ("- Skript: print(1)\n", "'Script'"),
        ("- Script: print(1)\n  AeTitles: [PACSS]\n", "did you mean 'PACS'"),
        ("- Script: x =\n- Script: y =\n", "(and 1 more; import_config lists all)"),
    ],
)
def test_a_bad_configuration_is_bad_input(configuration: Path, lua: str, words: str) -> None:
    (configuration / "lua.yml").write_text(lua)
    assert words in refused("--config", configuration)


def test_a_directory_that_is_none_is_bad_input(tmp_path: Path) -> None:
    assert "is not a directory" in refused("--config", tmp_path / "none")


@pytest.mark.parametrize(
    ("destination", "words"),
    [("PACX", "did you mean 'PACS'?"), ("OLD", "'OLD' is disabled"), ("NOBODY_AT_ALL", "no Storage node")],
)
def test_a_destination_that_no_image_can_have_is_bad_input(configuration: Path, destination: str, words: str) -> None:
    scripts(configuration, entry("print(1)"))
    assert words in refused("--config", configuration, destination=destination)


def test_a_source_that_is_no_ae_title_is_bad_input(configuration: Path) -> None:
    scripts(configuration, entry("print(1)"))
    assert "--source" in refused("--config", configuration, "--source", "seventeen letters")
