"""PostgreSQL restarts, loses connections, has none left or gives up on statements, under a running router."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.peers import send
from tests.acceptance.router import until
from tests.faults.load import all_arrived, configure, node, samples, sending
from tests.faults.mounts import mount, unmount
from tests.files_below import files_below
from tests.postgresql import Cluster, cluster

pytestmark = pytest.mark.integration

Effort = Callable[[int, int], int]
Seen = Callable[[str], None]


@pytest.fixture
def server() -> Iterator[Cluster]:
    pytest.importorskip("psycopg", reason="the optional dependency postgres is not installed")
    with cluster() as made:
        # A role of its own: the limits that are tried here do not hold for a superuser.
        ask(made, "CREATE ROLE router LOGIN", "CREATE DATABASE router OWNER router")
        yield made


def ask(server: Cluster, *statements: str, database: str = "postgres") -> list[tuple[Any, ...]]:
    """The rows of the last statement, asked as the superuser."""
    import psycopg

    with psycopg.connect(f"host={server.folder} user=capacitor dbname={database}", autocommit=True) as connection:
        for statement in statements[:-1]:
            connection.execute(statement)
        last = connection.execute(statements[-1])
        return last.fetchall() if last.description else []


def states(server: Cluster) -> dict[str, int]:
    return dict(ask(server, "SELECT state, count(*) FROM routing_queueitem GROUP BY state", database="router"))


def url(server: Cluster) -> str:
    return f"postgres://router@/router?host={server.folder}"


def disconnect(server: Cluster) -> int:
    """End all connections of the router; how many."""
    return len(ask(server, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'router'"))


@pytest.mark.fault(87, "immediate restarts, and all connections cut, in turn, while a modality sends")
def test_restarts_and_cut_connections_lose_nothing(
    make_router: Any, server: Cluster, tmp_path: Path, effort: Effort, seen: Seen
) -> None:
    turns = effort(4, 40)
    images = samples(tmp_path / "images", turns * 30)
    router = make_router(DATABASE_URL=url(server))
    with node() as receiver:
        configure(router, receiver)
        router.start()
        cut = 0
        with sending(router, images) as modality:
            for turn in range(turns):
                modality.wait_for(turn * 30 + 15)
                if turn % 2:
                    cut += until(lambda: disconnect(server), 60, "the router is connected")
                else:
                    server.stop()
                    server.start()
        twice = all_arrived(router, receiver, modality.acknowledged, lambda: states(server))
        assert router.stop() == 0
    assert cut
    seen(f"{turns} interruptions: {len(images)} acknowledged, 0 lost, {twice} arrived twice")


@pytest.mark.fault(88, "no connection is given for a while, then statements are cut off at 1 ms for a while")
def test_without_connections_and_with_statements_cut_off_nobody_dies(
    make_router: Any, server: Cluster, tmp_path: Path, seen: Seen
) -> None:
    images = samples(tmp_path / "images", 60)
    router = make_router(DATABASE_URL=url(server))
    with node() as receiver:
        configure(router, receiver)
        router.start()
        with sending(router, images) as modality:
            modality.wait_for(10)
            before = set(router.pids())
            ask(server, "ALTER ROLE router CONNECTION LIMIT 0")
            disconnect(server)
            until(lambda: "too many connections" in told(router), 60, "it is said")
            modality.wait_for(30)
            ask(server, "ALTER ROLE router CONNECTION LIMIT -1", "ALTER ROLE router SET statement_timeout = '1ms'")
            disconnect(server)
            until(lambda: "statement timeout" in told(router), 60, "it is said")
            ask(server, "ALTER ROLE router RESET statement_timeout")
            disconnect(server)
        twice = all_arrived(router, receiver, modality.acknowledged, lambda: states(server))
        stayed = before & set(router.pids())
        assert router.stop() == 0
    seen(
        f"60 acknowledged (images are taken meanwhile), 0 lost, {twice} arrived twice;"
        f" {len(stayed)} of {len(before)} processes lived through it"
    )


def told(router: Any) -> str:
    return "".join(path.read_text(errors="replace") for path in (router.data / "logs").glob("*.log"))


@pytest.mark.fault(85, "the whole data folder is unmounted; the database is elsewhere")
def test_without_its_data_folder_nothing_is_taken_or_failed_until_it_is_back(
    make_router: Any, server: Cluster, tmp_path: Path, seen: Seen
) -> None:
    images = samples(tmp_path / "images", 12)
    router = make_router(DATABASE_URL=url(server))
    real = tmp_path / "disk"
    for folder in (real, router.data):
        folder.mkdir(mode=0o700)
    mount("--bind", real, router.data)
    try:
        with node() as receiver:
            configure(router, receiver)
            ask(server, "UPDATE routing_node SET paused = true", database="router")
            router.start()
            assert list(send(images[:6], router.dicom_port, "PACS").values()) == [0] * 6
            until(lambda: states(server) == {"Prepared": 6}, 60, "all are prepared")
            unmount(router.data)
            refused = {0xA700}
            until(lambda: set(send(images[6:7], router.dicom_port, "PACS").values()) == refused, 30, "it is refused")
            ask(server, "UPDATE routing_node SET paused = false", database="router")
            errors = "SELECT count(*) FROM routing_queueitem WHERE last_error LIKE '%file system mounted%'"
            until(lambda: ask(server, errors, database="router") > [(0,)], 60, "the reason is told")
            assert set(states(server)) <= {"New", "Prepared"}
            assert not files_below(router.data, ".dcm"), "nothing is written where it is hidden later"
            mount("--bind", real, router.data)
            with sending(router, images[6:]) as modality:
                pass
            all_arrived(router, receiver, [image.sop_instance_uid for image in images], lambda: states(server))
            assert len(modality.acknowledged) == 6
            assert router.stop() == 0
    finally:
        unmount(router.data)
    seen("0xA700, no item failed; 12 of 12 delivered afterwards, without a restart")
