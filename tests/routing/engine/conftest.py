"""Engines on folders of their own, stopped at the end whatever happened; the database is migrated once."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.routing.engine.engine import ROOT, Engine


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("migrated")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CAPACITOR_", "DATABASE_URL", "DJANGO_"))}
    subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "migrate", "--noinput", "--verbosity=0"],
        env={**kept, "CAPACITOR_DATA_DIR": str(folder)},
        cwd=ROOT,
        check=True,
    )
    return folder / "capacitor.sqlite3"


@pytest.fixture
def make_engine(tmp_path: Path, migrated_database: Path) -> Iterator[Callable[..., Engine]]:
    made: list[Engine] = []

    def make(**environment: str) -> Engine:
        made.append(Engine(tmp_path / f"engine{len(made)}", migrated_database, **environment))
        return made[-1]

    yield make
    for engine in made:
        engine.end()
