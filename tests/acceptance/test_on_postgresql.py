"""The parts that speak SQL themselves, once more on PostgreSQL (D16)."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgresql import cluster

ROOT = Path(__file__).resolve().parents[2]
FILES = [
    "routing/test_at_once",
    "routing/audit/test_chain",
    "routing/audit/test_chain_beside_others",
    "routing/audit/test_store",
    "routing/database/test_database_file",
    "routing/database/test_rows",
    "routing/database/test_version_counts",
    "routing/nodes/test_renamed",
    "routing/queue/test_claims",
    "routing/queue/test_giving_back",
    "routing/queue/test_record",
    "routing/operating/test_operator_actions",
    "routing/operating/test_replay",
    "routing/operating/test_undo",
    "routing/engine/test_open_spool",
    "routing/engine/test_process",
    "routing/engine/test_settling",
    "routing/engine/test_reconcile",
    "routing/engine/test_directory",
    "routing/engine/nodes/test_status",
    "routing/engine/delivering/test_delivering_process",
    "routing/engine/receiving/test_receive",
    "routing/engine/receiving/test_refused",
    "routing/engine/preparing/test_facts",
    "routing/engine/preparing/test_found_items",
    "routing/engine/preparing/test_prepare",
    "routing/engine/preparing/test_prepare_routes",
    "routing/engine/preparing/test_state_book",
    "routing/engine/rehearsing/test_rehearse",
    "routing/engine/rehearsing/test_shadow",
    "routing/engine/housekeeping/test_adopt",
    "routing/engine/housekeeping/test_clock",
    "routing/engine/housekeeping/test_expiry",
    "routing/engine/housekeeping/test_folded_deliveries",
    "routing/engine/housekeeping/test_folding",
    "routing/engine/housekeeping/test_housekeeping",
    "routing/engine/housekeeping/test_lease_watch",
    "routing/engine/housekeeping/test_retention",
    "routing/engine/housekeeping/test_sweep",
    "routing/engine/housekeeping/test_traffic",
    "pages/test_dashboard",
    "pages/test_account",
    "pages/test_failures_page",
    "pages/test_logs_pages",
    "pages/test_node_page",
    "pages/test_parts_of_uids",
    "pages/test_queue_bulk",
    "pages/test_queue_bulk_refused",
    "pages/test_renamed_node",
    "pages/test_senders_page",
    "pages/test_studies",
    "pages/test_traffic",
]


@pytest.fixture
def database_url() -> Iterator[str]:
    with cluster() as made:
        yield made.url


@pytest.mark.integration
def test_rows_claims_and_states_are_the_same_on_postgresql(database_url: str, tmp_path: Path) -> None:
    pytest.importorskip("psycopg", reason="the optional dependency postgres is not installed")
    paths = [f"tests/{name}.py" for name in FILES]
    # Reused: its database goes with the whole cluster.
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--reuse-db", "-p", "no:cacheprovider", *paths],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": database_url, "CAPACITOR_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert not done.returncode, done.stdout[-6000:] + done.stderr[-2000:]
