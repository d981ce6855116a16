"""The study table is exact across processes (D6), and items are claimed once, whoever else claims."""

import json
import subprocess
import sys
from random import Random

import pytest

from tests.acceptance.router import kill, until
from tests.builders import ct_image
from tests.routing.engine.engine import ADOPT, NODE_AND_SCRIPTS, ROOT, Engine, MakeEngine, stop

pytestmark = pytest.mark.integration

COUNT = "study.n = (study.n or 0) + 1 dataset:Set('InstanceNumber', study.n)"
CLAIM = """
import django, json, sys; django.setup()
from routing.queue.claims import claim_unprepared
sys.stdout.write("ready\\n"); sys.stdout.flush(); sys.stdin.readline()
taken = []
while found := claim_unprepared("host:" + sys.argv[1], 7, lanes=False):
    taken += [item.id for item in found]
print(json.dumps(taken))
"""


def one_study(engine: Engine, images: int, script: str) -> None:
    engine.python(NODE_AND_SCRIPTS, script)
    for number in range(images):
        engine.image(ct_image(SOPInstanceUID=f"1.2.{number}"), sop_instance_uid=f"1.2.{number}")
    engine.python(ADOPT)


def counted(engine: Engine) -> list[int]:
    return [json.loads(values)["n"] for (values,) in engine.rows('SELECT "values" FROM routing_scopedstate')]


def all_prepared(engine: Engine, images: int) -> None:
    until(lambda: engine.states() == {"Prepared": images}, 120, f"{engine.states()} {engine.said()[-2000:]}")


def test_eight_processes_count_the_500_images_of_one_study_exactly(make_engine: MakeEngine) -> None:
    engine = make_engine(CAPACITOR_BATCH_SIZE="16")
    one_study(engine, 500, COUNT)
    workers = [engine.worker("prepare") for _ in range(8)]
    all_prepared(engine, 500)
    assert counted(engine) == [500]
    assert engine.rows(
        "SELECT count(*), max(n) FROM (SELECT item_id, count(*) n FROM routing_preparereport GROUP BY 1)"
    ) == [(500, 1)]
    assert [stop(worker) for worker in workers] == [0] * 8


def test_the_count_is_exact_whoever_is_killed_meanwhile(make_engine: MakeEngine) -> None:
    engine = make_engine(CAPACITOR_BATCH_SIZE="8")
    one_study(engine, 300, COUNT)
    chance = Random(7)
    workers = [engine.worker("prepare") for _ in range(4)]
    for round_ in range(10):
        before = engine.states().get("Prepared", 0)
        until(lambda b=before: engine.states().get("Prepared", 0) > b or not engine.states().get("New"), 60, "progress")  # type: ignore[misc]
        at = chance.randrange(len(workers))
        children = engine.pids(workers[at].pid)
        if round_ % 2 and children:
            kill(children[0])
        else:
            kill(workers[at].pid)
            workers[at].wait()
            workers[at] = engine.worker("prepare")
    all_prepared(engine, 300)
    assert counted(engine) == [300]
    assert engine.rows("SELECT count(*) FROM routing_preparereport") == [(300,)]


def test_eight_processes_claim_every_item_once(make_engine: MakeEngine) -> None:
    engine = make_engine()
    one_study(engine, 400, "print('x')")
    environment = {**engine.environment, "DJANGO_SETTINGS_MODULE": "capacitor_web.settings"}
    claimers = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIM, str(number)],
            env=environment,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(8)
    ]
    for claimer in claimers:
        assert claimer.stdout is not None
        assert claimer.stdout.readline() == "ready\n"
    for claimer in claimers:
        assert claimer.stdin is not None
        claimer.stdin.write("\n")
        claimer.stdin.flush()
    taken = [json.loads(claimer.communicate(timeout=60)[0]) for claimer in claimers]
    every = [identifier for one in taken for identifier in one]
    assert len(every) == len(set(every)) == 400
    assert engine.rows("SELECT DISTINCT prepare_starts FROM routing_queueitem") == [(1,)]
