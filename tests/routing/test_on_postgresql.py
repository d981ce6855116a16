"""The parts that speak SQL themselves, once more on PostgreSQL (D16)."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
AREA = ROOT / "tests" / "routing"
FILES = [
    AREA / "test_rows.py",
    AREA / "test_record.py",
    AREA / "test_claims.py",
    AREA / "test_replay.py",
    AREA / "test_operator_actions.py",
    *(
        AREA / "engine" / f"test_{name}.py"
        for name in (
            "adopt",
            "directory",
            "facts",
            "housekeeping",
            "prepare",
            "process",
            "receive",
            "retention",
            "traffic",
        )
    ),
    *(ROOT / "tests" / "pages" / f"test_{name}.py" for name in ("dashboard", "queue_bulk", "studies", "traffic")),
    AREA / "engine" / "test_state_book.py",
    AREA / "test_audit_chain.py",
]


def program(name: str) -> Path | None:
    """One of the server's programs, which Debian keeps out of the search path."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    on_path = shutil.which(name)
    return found[-1] if found else Path(on_path) if on_path else None


@pytest.fixture
def database_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A private cluster that listens to a socket in its own folder only."""
    initdb, control = program("initdb"), program("pg_ctl")
    if initdb is None or control is None:
        pytest.skip("PostgreSQL's server is not installed (Debian: apt-get install postgresql)")
    folder = tmp_path_factory.mktemp("cluster")
    # It refuses to run as root.
    user: list[str] = []
    if os.geteuid() == 0:
        user = ["runuser", "-u", "nobody", "--"]
        shutil.chown(folder, "nobody")
        # How many folders belong to pytest depends on how many processes it runs.
        for above in folder.parents:
            if not above.stat().st_mode & 0o001:
                above.chmod(above.stat().st_mode | 0o011)

    def run(*command: str | Path) -> None:
        # No pipe: the server keeps what it inherits open, and who reads it would wait for ever.
        with (folder.parent / f"{folder.name}.output").open("ab") as output:
            subprocess.run(
                [*user, *command],
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=folder,
                timeout=60,
            )

    data = folder / "data"
    run(initdb, "-D", data, "-U", "capacitor", "--auth=trust", "-E", "UTF8", "--locale=C", "--no-sync")
    run(
        control, "-D", data, "-w", "-l", folder / "log", "-o", f"-k {folder} -c listen_addresses= -c fsync=off", "start"
    )
    try:
        yield f"postgres://capacitor@/postgres?host={folder}"
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            run(control, "-D", data, "-w", "-m", "immediate", "stop")


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
