"""Directories of configuration files, and their import as by hand, for tests."""

from collections.abc import Mapping
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from routing.models import AuditRecord, Node
from scripts_app.revision import revision

NODES = """\
- AeTitle: PACS
  HostName: pacs.example
  Port: 11113
  Aliases:
    - 000000
    - NO
  Impersonate: true
  TransferSyntax: JPEGLossless
  BatchSize: 0
  MinimumLineSpeed:
  Priority: 2
  SopClassPriorities:
    - 1.2.840.10008.5.1.4.1.1.2
    - default
  ProcessSchedule:
    - 22:00 - 06:00
  ProcessNetworks:
    - 10.1.0.0 / 255.255.0.0
    - 192.168.1.0
- AeTitle: AI_SERVER
  Port: 11114
  Enabled: false
  Paused: yes
  Tls: true
  TlsCa: ca.pem
  RetryAttempts: 3
- AeTitle: AI_SERVER
  NodeRole: queryretrieve
"""
LUA = """\
# rules of the site
- Description: Label
  Script: |
    dataset:Set('StationName', 'CT 1')
    print('done')
  Conditions:
    - Tag: 0008,0060
      MatchExpression: CT
    - MatchTag: 0010,0020
      MatchExpression: 000000
      Log: debug
    - Tag: 0008,1140
      SequenceItems:
        - Tag: 0008,1150
          MatchExpression: 1.2.840.10008.5.1.4.1.1.2
    - Tag: 0029,1010
      PrivateTagCreator: ACME
      MatchExpression: NO
      Search: false
- Script: scripts/route.lua
  AeTitles:
    - PACS
  OnError: fail
- Description: off
  Script: print(1)
  Enabled: false
"""
FILES = {
    "nodes.yml": NODES,
    "lua.yml": LUA,
    "scripts/route.lua": "route:Add('PACS')\n",
    "libs/phi.lua": "function strip(ds) end\r\n",
    ".git/hook.lua": "not this one",
}


def directory(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return root


def run(root: Path, *options: str) -> str:
    out = StringIO()
    call_command("import_config", str(root), *options, stdout=out)
    return out.getvalue()


def refuse(root: Path) -> list[str]:
    """The lines on stderr of an import that must fail, and change nothing."""
    before = (revision(), Node.objects.count(), AuditRecord.objects.count())
    err = StringIO()
    with pytest.raises(SystemExit) as stop:
        call_command("import_config", str(root), stdout=StringIO(), stderr=err)
    assert stop.value.code == 2
    assert (revision(), Node.objects.count(), AuditRecord.objects.count()) == before
    lines = err.getvalue().splitlines()
    assert lines[-1].endswith("nothing was changed")
    return lines[:-1]
