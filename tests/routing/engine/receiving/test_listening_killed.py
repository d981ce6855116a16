"""A listener or its row writer that is killed: what was acknowledged is queued all the same."""

import re
from pathlib import Path

import pytest

from tests.acceptance.router import kill, until
from tests.routing.engine.engine import ADOPT, MakeEngine, stop
from tests.routing.engine.receiving.modality import Sender, killed_before_the_rows, started


@pytest.mark.integration
def test_what_a_killed_listener_has_acknowledged_its_row_writer_still_queues(make_engine: MakeEngine) -> None:
    engine = make_engine()
    listener = started(engine)
    sender = Sender(engine)
    with engine.database_locked():
        assert [sender.store(number) for number in range(20)] == [0] * 20
        kill(listener.pid)
        listener.wait()
        assert engine.states() == {}
    sender.lose()
    until(lambda: engine.states() == {"New": 20}, 60, "the rows follow")


@pytest.mark.integration
def test_listener_and_row_writer_leave_no_core_dump_and_no_file_for_others(make_engine: MakeEngine) -> None:
    engine = make_engine()
    listener = started(engine)
    Sender(engine).store(1)
    until(lambda: engine.states() == {"New": 1}, 60, "the row writer is at work")
    for pid in (listener.pid, *engine.pids(listener.pid)):
        proc = Path(f"/proc/{pid}")
        assert "Umask:\t0077\n" in (proc / "status").read_text()
        assert re.search(r"Max core file size +0 +0 ", (proc / "limits").read_text())


@pytest.mark.integration
def test_a_listener_without_its_row_writer_ends_so_that_a_whole_one_takes_its_place(make_engine: MakeEngine) -> None:
    engine = make_engine()
    listener = started(engine)
    (writer,) = engine.pids(listener.pid)
    kill(writer)
    assert listener.wait(60) == 1
    assert "the row writer has ended" in engine.said()


@pytest.mark.integration
def test_what_was_acknowledged_before_a_kill_is_queued_by_the_next_start(make_engine: MakeEngine) -> None:
    engine = make_engine()
    killed_before_the_rows(engine, images=20)
    assert engine.states() == {}
    engine.python(ADOPT)
    assert engine.states() == {"New": 20}
    assert engine.rows("SELECT count(DISTINCT sop_instance_uid) FROM routing_queueitem") == [(20,)]


@pytest.mark.integration
def test_a_killed_listeners_images_are_adopted_by_housekeeping(make_engine: MakeEngine) -> None:
    engine = make_engine()
    listener = killed_before_the_rows(engine)
    worker = engine.worker("housekeep")
    until(lambda: engine.states() == {"New": 1}, 60, "adopted")
    assert engine.rows("SELECT count(*) FROM routing_historyentry WHERE actor = 'recovery'") == [(1,)]
    assert [path for path in (engine.folder / "run").glob("*.presence") if f":{listener.pid}:" in path.name] == []
    assert stop(worker) == 0
