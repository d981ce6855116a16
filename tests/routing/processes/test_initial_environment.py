"""Secrets of the environment: gone from what /proc shows, and there for whoever needs them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from routing.processes.initial_environment import SECRETS
from tests.clean_environment import without_settings

ROOT = Path(__file__).resolve().parents[3]
ASK = """
import ctypes, json, os, subprocess, sys
from pathlib import Path
from routing.processes.initial_environment import SECRETS, blank_secrets
blank_secrets()
blank_secrets()
getenv = ctypes.CDLL(None).getenv
getenv.restype = ctypes.c_char_p
print(json.dumps({
    "shown": Path("/proc/self/environ").read_bytes().decode().split(chr(0)),
    "python": [os.environ[name] for name in SECRETS],
    "c": [getenv(name.encode()).decode() for name in SECRETS],
    "started": subprocess.run(["printenv", *SECRETS], capture_output=True, text=True).stdout.split(),
}))
"""


def test_secrets_are_blank_where_others_look_and_whole_where_they_are_used() -> None:
    values = [f"value-{number}" for number in range(len(SECRETS))]
    beside = {"BEFORE": "stays", f"{SECRETS[0]}_NOT": "stays, too", "EMPTY": ""}
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        env={**without_settings(), **beside, **dict(zip(SECRETS, values, strict=True))},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert not done.returncode, done.stderr
    told = json.loads(done.stdout)
    assert {f"{name}={value}" for name, value in beside.items()} < set(told["shown"])
    assert not [entry for entry in told["shown"] if entry.startswith(tuple(f"{name}=" for name in SECRETS))]
    assert "value-" not in "".join(told["shown"])
    assert told["python"] == told["c"] == told["started"] == values
