"""Images that are legal or nearly so and yet a burden: the listener takes them, the worker keeps its limits."""

import struct
import time
import zlib
from pathlib import Path

import pytest

from routing.dicom.associate import encode_request
from tests.acceptance.router import until
from tests.builders import CT_IMAGE, EXPLICIT, ct_image
from tests.faults.attackers import Memory, served
from tests.routing.dicom.peers import RawPeer, pdata, pdv, store_command
from tests.routing.engine.engine import Engine

pytestmark = pytest.mark.integration
DEFLATED = "1.2.840.10008.1.2.1.99"
UNDEFINED = b"\xff\xff\xff\xff"
SETUP = """
from routing.models import Node
from scripts_app.models import LuaEntry
Node.objects.create(ae_title="PACS", paused=True)
LuaEntry.objects.create(script="dataset:Set('StationName', 'ROUTED')", position=0)
"""


def nested(depth: int) -> bytes:
    opening = struct.pack("<HH", 0x0040, 0xA730) + b"SQ\0\0" + UNDEFINED + b"\xfe\xff\x00\xe0" + UNDEFINED
    closing = b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
    return opening * depth + closing * depth


def with_elements(instance: str, more: bytes) -> bytes:
    head, pixels = ct_image(SOPInstanceUID=instance).split(b"\xe0\x7f\x10\0")
    return head + more + b"\xe0\x7f\x10\0" + pixels


def many(count: int) -> bytes:
    numbers = range(count)
    return b"".join(struct.pack("<HH2sH", 0x0041 + 2 * (n >> 16), n & 0xFFFF, b"LO", 0) for n in numbers)


def store(port: int, content: bytes, instance: str, syntax: str = EXPLICIT) -> int | None:
    with RawPeer(port) as peer:
        peer.send(encode_request("CT_1", "PACS", [(CT_IMAGE, (syntax,))], 16382))
        assert peer.receive()[0] == 2
        pieces = [content[at : at + 500_000] for at in range(0, len(content), 500_000)]
        peer.send(store_command(instance))
        for number, piece in enumerate(pieces, start=1):
            peer.send(pdata(pdv(piece, control=2 if number == len(pieces) else 0)))
        return peer.response().status


def settled(engine: Engine, instance: str, seconds: float = 120) -> tuple[int, str, str]:
    """Item, state and error once the scripts are done with it."""
    query = "SELECT id, state, last_error FROM routing_queueitem WHERE sop_instance_uid = ? AND state <> 'New'"
    (row,) = until(lambda: engine.rows(query, instance), seconds, f"{instance} is prepared")
    return row


@pytest.fixture
def running(make_engine) -> tuple[Engine, int, int]:
    """Listener and preparing worker; the engine and their pids."""
    engine = make_engine(CAPACITOR_ACCEPT_UNKNOWN_SENDERS="1")
    engine.python(SETUP)
    listener, worker = engine.listener(), engine.worker("prepare")
    assert store(engine.port, ct_image(SOPInstanceUID="1.2.1"), "1.2.1") == 0
    assert settled(engine, "1.2.1")[1] == "Prepared"
    return engine, listener.pid, worker.pid


@pytest.mark.fault(30, "65, 500 and 20,000 levels")
def test_nested_sequences_harm_nobody_and_the_item_tells_why_no_script_ran(running, seen) -> None:
    engine, listener, _ = running
    memory = Memory(listener)
    told = []
    for depth in (65, 500, 20_000):
        content = with_elements(f"1.2.30.{depth}", nested(depth))
        began = time.monotonic()
        assert store(engine.port, content, f"1.2.30.{depth}") == 0
        took = time.monotonic() - began
        item, state, error = settled(engine, f"1.2.30.{depth}")
        assert state == "Failed"
        assert "nested deeper than 64" in error
        assert engine.spool.path(item).read_bytes().endswith(content)
        told.append(f"{depth} levels taken in {took:.2f} s")
    assert store(engine.port, ct_image(SOPInstanceUID="1.2.30.1"), "1.2.30.1") == 0
    assert settled(engine, "1.2.30.1")[1] == "Prepared"
    seen(
        f"{', '.join(told)}; each Failed with 'nested deeper than 64 levels', its file kept whole;"
        f" listener grew by {memory.grown():.1f} MiB; the next image is prepared"
    )


@pytest.mark.fault(31, "300,000 empty elements, and a script that sets one")
def test_very_many_elements_cost_their_time_and_nobody_elses(running, seen) -> None:
    engine, listener, _ = running
    content = with_elements("1.2.31", many(300_000))
    memory, began = Memory(listener), time.monotonic()
    assert store(engine.port, content, "1.2.31") == 0
    received = time.monotonic() - began
    worst = served(engine.port, called="PACS")
    _, state, error = settled(engine, "1.2.31")
    prepared = time.monotonic() - began
    assert state in ("Prepared", "Failed")
    assert store(engine.port, ct_image(SOPInstanceUID="1.2.32"), "1.2.32") == 0
    assert settled(engine, "1.2.32")[1] == "Prepared"
    seen(
        f"taken in {received:.2f} s, {state} after {prepared:.1f} s {error[:60]}; a good store took {worst:.2f} s;"
        f" listener grew by {memory.grown():.1f} MiB; the next image is prepared"
    )


@pytest.mark.fault(32, "a small data set that inflates a thousandfold, and a script that sets an element")
def test_a_deflated_bomb_is_kept_and_memory_stays(running, seen, effort) -> None:
    engine, listener, worker = running
    mib = effort(128, 1024)
    packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    head = ct_image(SOPInstanceUID="1.2.33").split(b"\xe0\x7f\x10\0")[0]
    content = packer.compress(head + b"\xe0\x7f\x10\0OB\0\0" + struct.pack("<L", mib << 20))
    for _ in range(mib):
        content += packer.compress(bytes(1 << 20))
    content += packer.flush()
    content += b"\0" * (len(content) % 2)
    preparing = engine.pids(worker)[0]
    memory, inside = Memory(listener), Memory(preparing)
    before = inside.own()
    assert store(engine.port, content, "1.2.33", DEFLATED) == 0
    item, state, error = settled(engine, "1.2.33")
    assert memory.grown() < 60
    assert engine.spool.path(item).read_bytes().endswith(content)
    assert store(engine.port, ct_image(SOPInstanceUID="1.2.34"), "1.2.34") == 0
    assert settled(engine, "1.2.34")[1] == "Prepared"
    # The watchdog writes the reason after the state.
    _, state, error = settled(engine, "1.2.33")
    alive = preparing in engine.pids(worker)
    held = f"{inside.own() - before:.1f} MiB beside the mapped file" if alive else "nothing: it was replaced"
    seen(
        f"{len(content):,} bytes that inflate to {mib} MiB: taken, {state} {error[:80]}; listener grew by"
        f" {memory.grown():.1f} MiB, worker by {held}; the next image is prepared"
    )


@pytest.mark.fault(26, "in the data set: paths, NUL, line feed and ESC as study and series UIDs")
def test_hostile_uids_in_the_data_set_are_text_and_nothing_else(running, seen) -> None:
    engine, _, _ = running
    hostile = ["../../../x", "/abs/x", "..\\x", "1." * 200, "1.2\0.3", "1.2\n\x1b[31m"]
    before = {path for path in Path(engine.folder).rglob("*") if path.is_dir()}
    for number, uid in enumerate(hostile):
        instance = f"1.2.26.{number}"
        content = ct_image(SOPInstanceUID=instance, StudyInstanceUID=uid, SeriesInstanceUID=uid)
        assert store(engine.port, content, instance) == 0
        assert settled(engine, instance)[1] == "Prepared"
    assert store(engine.port, ct_image(SOPInstanceUID="../../x"), "1.2.26.9") == 0xA900
    folders = {path.name for path in Path(engine.folder).rglob("*") if path.is_dir()} - {path.name for path in before}
    assert all(name.isdecimal() or name in ("quarantine", "prepared") for name in folders)
    files = [path for path in engine.folder.parent.rglob("x*") if path.is_file()]
    assert files == []
    said = engine.said() + engine.logs()
    wrong = [line for line in said.splitlines() if not line.replace("\t", "").isprintable()]
    assert wrong == []
    seen(f"{len(hostile)} of {len(hostile)} prepared, no file outside the spool, no control character in any log")
