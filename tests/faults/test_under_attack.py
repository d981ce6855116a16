"""A listening process is attacked while good peers store images: they wait no longer, and its memory stays."""

import random
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.acceptance.router import until
from tests.faults.attackers import (
    REQUEST,
    Attacker,
    Memory,
    header,
    in_background,
    served,
    threads,
    trickle,
)
from tests.files_below import files_below
from tests.routing.dicom.peers import RawPeer, dataset, pdata, pdv, store_command
from tests.routing.engine.engine import Engine

pytestmark = pytest.mark.integration
MOST_MIB = 60
"""What the listener may grow by under any attack; its buffers for 200 connections are 50 MiB."""


@pytest.fixture(scope="module")
def listening(tmp_path_factory) -> Iterator[tuple[Engine, int]]:
    """One listening process for all attacks, warm; its engine and its pid."""
    engine = Engine(tmp_path_factory.mktemp("attacked") / "engine", CAPACITOR_ACCEPT_UNKNOWN_SENDERS="1")
    process = engine.listener()
    served(engine.port, 20)
    yield engine, process.pid
    alive = process.poll() is None
    engine.end()
    assert alive, engine.said()


def held(port: int, content: bytes, count: int = 12, *, associated: bool = False) -> list[Attacker]:
    attackers = [Attacker(port, "127.0.0.2") for _ in range(count)]
    for attacker in attackers:
        if associated:
            attacker.associate()
        attacker.send(content)
    return attackers


@pytest.mark.parametrize(
    ("content", "associated"),
    [
        pytest.param(REQUEST[:3], False, marks=pytest.mark.fault(1, "from another address; stores beside it")),
        pytest.param(REQUEST[:100], False, marks=pytest.mark.fault(2, "from another address; stores beside it")),
        pytest.param(header(4, 0xFFFFFFFF) + bytes(10), False, marks=pytest.mark.fault(8)),
        pytest.param(header(1, 300_000_000) + bytes(1 << 20), False, marks=pytest.mark.fault(9)),
        pytest.param(header(4, 1_500_000_000) + bytes(1 << 20), True, marks=pytest.mark.fault(10)),
        pytest.param(b"GET / HTTP/1.1\r\nHost: pacs\r\n\r\n", False, marks=pytest.mark.fault(11, "HTTP")),
        pytest.param(random.Random(11).randbytes(65536), False, marks=pytest.mark.fault(11, "64 KB of noise")),
        pytest.param(
            store_command() + pdata(pdv(bytes(1000))),
            True,
            marks=pytest.mark.fault(36, "half a C-STORE, then nothing; 12 times"),
        ),
    ],
    ids=["3 bytes", "half a request", "4 GiB", "300 MB request", "1.5 GB data", "http", "noise", "half a store"],
)
def test_who_sends_half_of_something_is_closed_and_nobody_else_waits(
    listening: tuple[Engine, int], content: bytes, associated: bool, seen, effort
) -> None:
    engine, pid = listening
    before = threads(pid)
    memory, began = Memory(pid), time.monotonic()
    attackers = held(engine.port, content, associated=associated)
    worst = served(engine.port)
    silent = content == REQUEST[: len(content)]
    if content.startswith(store_command()) or (silent and not effort(0, 1)):
        # An established association may be silent for a minute, others ten seconds, which test_hostile_requestors
        # has made shorter.
        for attacker in attackers:
            attacker.close()
        words = "12 of 12 left by themselves"
    else:
        words = f"12 of 12 closed within {max(a.seconds_until_closed(began) for a in attackers):.1f} s"
    until(lambda: threads(pid) <= before, 30, "no thread is left")
    grown = memory.grown()
    assert grown < MOST_MIB
    assert not files_below(engine.spool.root, ".part")
    for attacker in attackers:
        attacker.close()
    seen(
        f"a good store took {worst:.2f} s at worst; {words}; listener grew by {grown:.1f} MiB",
        good_wait=worst,
        grown=grown,
    )


@pytest.mark.fault(3)
def test_a_request_that_comes_byte_by_byte_is_cut_off_at_the_deadline(listening: tuple[Engine, int], seen) -> None:
    engine, _ = listening
    attacker, began = Attacker(engine.port, "127.0.0.2"), time.monotonic()
    with in_background(lambda stop: trickle(attacker, REQUEST, stop)):
        worst = served(engine.port)
        closed = attacker.seconds_until_closed(began)
    attacker.close()
    seen(
        f"closed after {closed:.1f} s, {len(REQUEST)} bytes would have taken {len(REQUEST) * 0.3:.0f} s; "
        f"a good store took {worst:.2f} s at worst",
        good_wait=worst,
    )


@pytest.mark.fault(4)
def test_connecting_and_closing_500_times_keeps_nobody_out(listening: tuple[Engine, int], seen) -> None:
    engine, pid = listening
    before, memory = threads(pid), Memory(pid)
    for _ in range(500):
        socket.create_connection(("127.0.0.1", engine.port)).close()
    worst = served(engine.port)
    until(lambda: threads(pid) <= before, 30, "no thread is left")
    grown = memory.grown()
    seen(
        f"right after it a good store took {worst:.2f} s at worst; listener grew by {grown:.1f} MiB",
        good_wait=worst,
        grown=grown,
    )


@pytest.mark.fault(5)
def test_one_address_with_300_half_open_connections_keeps_out_itself_alone(listening: tuple[Engine, int], seen) -> None:
    engine, pid = listening
    before, memory = threads(pid), Memory(pid)
    attackers = held(engine.port, b"\x01", 300)
    worst = served(engine.port, 10)
    for attacker in attackers:
        attacker.close()
    until(lambda: threads(pid) <= before, 30, "no thread is left")
    grown = memory.grown()
    seen(
        f"from another address a good store took {worst:.2f} s at worst; listener grew by {grown:.1f} MiB",
        good_wait=worst,
        grown=grown,
    )


@pytest.mark.fault(6)
def test_when_idle_associations_take_all_places_newcomers_hear_so_at_once(listening: tuple[Engine, int], seen) -> None:
    engine, pid = listening
    before = threads(pid)
    idle = [Attacker(engine.port, f"127.0.0.{2 + number % 2}") for number in range(200)]
    for attacker in idle:
        attacker.associate()
    began = time.monotonic()
    newcomer = Attacker(engine.port, "127.0.0.4")
    newcomer.send(REQUEST)
    answer = newcomer.socket.recv(100)
    waited = time.monotonic() - began
    # A-ASSOCIATE-RJ, rejected-transient, by the presentation layer: local limit exceeded (PS3.8 9.3.4).
    assert (answer[0], answer[7:10]) == (3, bytes((2, 3, 2)))
    for attacker in (newcomer, *idle):
        attacker.close()
    until(lambda: threads(pid) <= before, 30, "no thread is left")
    worst = served(engine.port)
    seen(
        f"200 idle associations: rejected-transient after {waited:.2f} s;"
        f" when they have ended a good store takes {worst:.2f} s",
        good_wait=worst,
    )


@pytest.mark.fault(39)
def test_one_image_on_five_associations_at_one_moment_is_five_items(listening: tuple[Engine, int], seen) -> None:
    engine, _ = listening
    before = sum(engine.states().values())
    failures: list[BaseException] = []
    ready = threading.Barrier(5)

    def store() -> None:
        try:
            ready.wait(30)
            with RawPeer(engine.port) as peer:
                peer.send(REQUEST)
                peer.receive()
                content = dataset("1.2.39", pixels=300_000)
                peer.send(store_command("1.2.39"), pdata(pdv(content, control=2)))
                assert peer.response().status == 0
        except BaseException as error:
            failures.append(error)

    senders = [threading.Thread(target=store) for _ in range(5)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(60)
    assert failures == []
    rows = "SELECT id, size FROM routing_queueitem WHERE sop_instance_uid = '1.2.39'"
    until(lambda: len(engine.rows(rows)) == 5, 60, "five rows")
    assert {engine.spool.path(identifier).stat().st_size for identifier, _ in engine.rows(rows)} == {
        size for _, size in engine.rows(rows)
    }
    assert sum(engine.states().values()) >= before + 5
    assert "locked" not in engine.said()
    seen("5 of 5 acknowledged, 5 rows, 5 whole files, no word of a lock")


Slow = Callable[[Attacker], None]


@pytest.mark.fault(7, "the three modes of dicom-slowloris by our own peers, as Debian's nmap 7.93 has no such script")
def test_slowloris_in_its_three_modes_keeps_nobody_out(listening: tuple[Engine, int], seen) -> None:
    engine, pid = listening
    before = threads(pid)

    def idle(attacker: Attacker) -> None:
        attacker.associate()

    def echo(attacker: Attacker) -> None:
        attacker.associate()
        attacker.send(store_command())

    def partial(attacker: Attacker) -> None:
        attacker.send(REQUEST[:60])

    modes: dict[str, Slow] = {"idle": idle, "echo": echo, "partial": partial}
    waits, memory = {}, Memory(pid)
    for name, attack in modes.items():
        attackers = [Attacker(engine.port, "127.0.0.2") for _ in range(90)]
        for attacker in attackers:
            attack(attacker)
        waits[name] = served(engine.port)
        for attacker in attackers:
            attacker.close()
    until(lambda: threads(pid) <= before, 30, "no thread is left")
    grown = memory.grown()
    told = "; ".join(f"{name}: a good store took {wait:.2f} s at worst" for name, wait in waits.items())
    seen(
        f"90 connections in each mode; {told}; listener grew by {grown:.1f} MiB",
        good_wait=max(waits.values()),
        grown=grown,
    )
