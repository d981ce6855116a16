"""The command dry_run over a directory of configuration files."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from pydicom.data import get_testdata_file

CT = Path(str(get_testdata_file("CT_small.dcm")))
NODES = "".join(
    f"- AeTitle: {title}\n  HostName: 127.0.0.1\n  Port: 104\n  NodeRole: Storage\n"
    for title in ("PACS", "AI_SERVER", "RESEARCH")
) + ("- AeTitle: OLD\n  HostName: 127.0.0.1\n  Port: 104\n  NodeRole: Storage\n  Enabled: false\n")
KEYS = {"result", "message", "entries", "outputs", "item_log", "log", "state"}


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    folder = tmp_path / "configuration"
    folder.mkdir()
    (folder / "nodes.yml").write_text(NODES)
    return folder


def entry(script: str, *more: str) -> str:
    lines = "".join(f"    {line}\n" for line in script.strip().splitlines())
    return f"- Script: |\n{lines}" + "".join(f"  {line}\n" for line in more)


def command(*arguments: Any, path: Path = CT, destination: str = "PACS") -> tuple[str, str, int]:
    out, err = io.StringIO(), io.StringIO()
    code = 0
    try:
        call_command(
            "dry_run",
            *map(str, [path, "--source", "SCANNER", "--destination", destination, *arguments]),
            stdout=out,
            stderr=err,
        )
    except SystemExit as end:
        code = int(end.code or 0)
    return out.getvalue(), err.getvalue(), code


def tried(folder: Path | None, *arguments: Any, **options: Any) -> dict[str, Any]:
    where = [] if folder is None else ["--config", folder]
    out, err, code = command(*where, "--json", *arguments, **options)
    assert (err, code) == ("", 0)
    result: dict[str, Any] = json.loads(out)
    assert set(result) == KEYS
    return result


def refused(*arguments: Any, **options: Any) -> str:
    out, err, code = command("--json", *arguments, **options)
    assert (out, code, err.count("\n")) == ("", 2, 1)
    return err.strip()


def scripts(folder: Path, *entries: str) -> Path:
    (folder / "lua.yml").write_text("".join(entries))
    return folder
