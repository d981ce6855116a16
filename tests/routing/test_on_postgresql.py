"""The parts that speak SQL themselves, once more on PostgreSQL (D16)."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgresql import cluster

ROOT = Path(__file__).resolve().parents[2]
AREA = ROOT / "tests" / "routing"
FILES = [
    AREA / "test_at_once.py",
    AREA / "test_rows.py",
    AREA / "test_record.py",
    AREA / "test_claims.py",
    AREA / "test_giving_back.py",
    AREA / "test_version_counts.py",
    AREA / "test_replay.py",
    AREA / "test_operator_actions.py",
    *(
        AREA / "engine" / f"test_{name}.py"
        for name in (
            "adopt",
            "clock",
            "directory",
            "expiry",
            "facts",
            "folded_deliveries",
            "folding",
            "housekeeping",
            "lease_watch",
            "node_status",
            "prepare",
            "prepare_routes",
            "process",
            "receive",
            "rehearse",
            "retention",
            "settling",
            "shadow",
            "sweep",
            "traffic",
        )
    ),
    *(
        ROOT / "tests" / "pages" / f"test_{name}.py"
        for name in ("dashboard", "queue_bulk", "renamed_node", "studies", "traffic")
    ),
    AREA / "engine" / "test_state_book.py",
    AREA / "test_audit_chain.py",
]


@pytest.fixture
def database_url() -> Iterator[str]:
    with cluster() as made:
        yield made.url


@pytest.mark.integration
def test_rows_claims_and_states_are_the_same_on_postgresql(database_url: str, tmp_path: Path) -> None:
    pytest.importorskip("psycopg", reason="the optional dependency postgres is not installed")
    # Reused: its database goes with the whole cluster.
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--reuse-db", "-p", "no:cacheprovider", *map(str, FILES)],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": database_url, "CAPACITOR_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert not done.returncode, done.stdout[-6000:] + done.stderr[-2000:]
