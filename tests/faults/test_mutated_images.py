"""Mutated images by C-STORE and mutated PDUs: nothing crashes, nothing hangs, and what was acknowledged is there."""

import contextlib
import random
import subprocess
from collections import Counter

import pytest

from routing.dicom.associate import encode_request
from routing.dicom.soundness import fault_in
from tests.acceptance.peers import Sample, bundled_samples
from tests.acceptance.router import until
from tests.faults.attackers import Attacker, Memory, served, threads
from tests.faults.mutations import mutated
from tests.files_below import files_below
from tests.routing.dicom.peers import RawPeer, pdata, pdv, store_command
from tests.routing.engine.engine import Engine

pytestmark = pytest.mark.integration
SEED = 20261120
SETUP = """
from routing.models import Node
from scripts_app.models import LuaEntry
Node.objects.create(ae_title="PACS", paused=True)
LuaEntry.objects.create(position=0, script='''
local seen = tostring(dataset:Get("PatientName")) .. tostring(dataset:Get("Rows"))
dataset:Set("StationName", "ROUTED")
dataset:Set("PatientID", "F-1")
dataset:Remove("PatientBirthDate")
''')
"""


def bases() -> list[Sample]:
    """Small whole images, one for each encoding and kind."""
    found: dict[tuple[str, str], Sample] = {}
    for one in bundled_samples():
        told = (one.transfer_syntax_uid, one.sop_class_uid, one.sop_instance_uid)
        if len(one.dataset) < 40_000 and fault_in(one.dataset, 0, *told) is None:
            found.setdefault((told[0], told[1]), one)
    return list(found.values())


@pytest.fixture
def running(make_engine) -> tuple[Engine, "subprocess.Popen[bytes]", "subprocess.Popen[bytes]"]:
    engine = make_engine(CAPACITOR_ACCEPT_UNKNOWN_SENDERS="1")
    engine.python(SETUP)
    return engine, engine.listener(), engine.worker("prepare")


@pytest.mark.fault(43, "own mutator, seeded; each mutant is stored, prepared by a script, and looked for")
def test_mutated_images_are_taken_or_refused_and_none_is_lost(running, seen, effort) -> None:
    engine, listener, worker = running
    served(engine.port, called="PACS")
    memory, number = Memory(listener.pid), 0
    answers: Counter[int | None] = Counter()
    kinds = bases()
    each = effort(6, 60)
    for one in kinds:
        with RawPeer(engine.port) as peer:
            peer.send(encode_request("FUZZ", "PACS", [(one.sop_class_uid, (one.transfer_syntax_uid,))], 16382))
            assert peer.receive()[0] == 2
            for _ in range(each):
                number += 1
                content = mutated(one.dataset, SEED + number)
                content += b"\0" * (len(content) % 2)
                peer.send(store_command(one.sop_instance_uid, one.sop_class_uid), pdata(pdv(content, control=2)))
                answers[peer.response().status] += 1
    assert set(answers) <= {0x0000, 0xA900, 0xC000}
    taken = "SELECT count(*) FROM routing_queueitem WHERE source_ae_title = 'FUZZ'"
    until(lambda: engine.rows(taken) == [(answers[0],)], 60, "a row for each acknowledged image")
    waiting = taken + " AND state = 'New'"
    until(lambda: engine.rows(waiting) == [(0,)], effort(120, 600), "the scripts are done with all of them")
    refused = sum(answers.values()) - answers[0]
    until(lambda: engine.rows("SELECT count(*) FROM routing_quarantinedinstance") == [(refused,)], 60, "refusals")
    assert (listener.poll(), worker.poll()) == (None, None)
    assert "Traceback" not in engine.said()
    states = dict(
        engine.rows("SELECT state, count(*) FROM routing_queueitem WHERE source_ae_title = 'FUZZ' GROUP BY state")
    )
    assert set(states) <= {"Prepared", "Failed"}
    grown = memory.grown()
    seen(
        f"{number} mutants of {len(kinds)} images: {answers[0]} acknowledged and all visible ({states}),"
        f" {answers[0xA900]} refused with 0xA900, {answers[0xC000]} with 0xC000, all in quarantine;"
        f" 0 crashes, 0 hangs; listener grew by {grown:.1f} MiB",
        grown=grown,
    )


@pytest.mark.fault(43, "the PDUs of an association and a C-STORE, mutated")
def test_mutated_pdus_end_their_own_connection_at_most(running, seen, effort) -> None:
    engine, listener, _ = running
    one = next(kind for kind in bases() if kind.transfer_syntax_uid == "1.2.840.10008.1.2.1")
    whole = (
        encode_request("FUZZ", "PACS", [(one.sop_class_uid, (one.transfer_syntax_uid,))], 16382)
        + store_command(one.sop_instance_uid, one.sop_class_uid)
        + pdata(pdv(one.dataset, control=2))
    )
    served(engine.port, called="PACS")
    before, memory, count = threads(listener.pid), Memory(listener.pid), effort(150, 1500)
    chance = random.Random(SEED)
    for number in range(count):
        attacker = Attacker(engine.port, "127.0.0.2")
        attacker.send(mutated(whole, SEED + number))
        if chance.random() < 0.5:
            attacker.socket.settimeout(0.05)
            with contextlib.suppress(OSError):
                attacker.socket.recv(4096)
        attacker.close()
    worst = served(engine.port, called="PACS")
    until(lambda: threads(listener.pid) <= before, 60, "no thread is left")
    assert listener.poll() is None
    assert "Traceback" not in engine.said()
    assert not files_below(engine.spool.root, ".part")
    grown = memory.grown()
    seen(
        f"{count} mutated connections: 0 crashes, no thread and no unfinished file left; listener grew by"
        f" {grown:.1f} MiB; then a good store took {worst:.2f} s at worst",
        good_wait=worst,
        grown=grown,
    )


def test_the_same_seed_makes_the_same_mutants() -> None:
    content = bytes(range(256)) * 8
    assert [mutated(content, n) for n in range(50)] == [mutated(content, n) for n in range(50)]
    assert sum(mutated(content, n) != content for n in range(50)) > 45
