"""Rows are written in small batches, and no database stops a sender."""

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError

from routing.core.instance import ReceivedInstance
from routing.engine import pace
from routing.engine.directory import Directory
from routing.engine.receiving import row_writer
from routing.engine.receiving.receive import enqueue
from routing.engine.receiving.row_pipe import Inbox, line_of
from routing.engine.receiving.row_writer import RowWriter
from routing.models import QueueItem
from routing.spool.spool import Spool
from scripts_app.models import LuaEntry
from tests.builders import node, received


class Writing:
    """A row writer in the test's own thread, so that it shares the test's connection; ``end`` is the pipe's other."""

    def __init__(self, spool: Spool) -> None:
        reader, self.end = os.pipe()
        self.inbox = Inbox(reader)
        self._reader = reader
        self.woken: list[str] = []
        self.writer = RowWriter(
            self.inbox,
            spool,
            Directory("CAPACITOR", "DCP_", age=0),
            process_delay=timedelta(0),
            received=lambda last: self.woken.append("prepare, the last" if last else "prepare"),
            prepared=lambda last: self.woken.append("deliver, the last" if last else "deliver"),
        )

    def add(self, *instances: ReceivedInstance) -> None:
        os.write(self.end, b"".join(map(line_of, instances)))

    def close(self) -> None:
        end, self.end = self.end, -1
        if end >= 0:
            os.close(end)

    def run(self) -> None:
        self.close()
        self.writer.run()


@pytest.fixture
def writing(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> Iterator[Writing]:
    # A writer that runs in the test's thread must not end the connection that the test's transaction lives on.
    monkeypatch.setattr(row_writer, "close_old_connections", lambda: None)
    monkeypatch.setattr(row_writer, "connection", Kept())
    writing = Writing(spool)
    yield writing
    writing.close()
    os.close(writing._reader)


class Kept:
    def close(self) -> None:
        """The connection is the test's."""


def test_an_instance_comes_out_of_the_pipe_as_it_went_in(spool: Spool, writing: Writing) -> None:
    hostile = received(spool, calling_ae_title='Ä"\n\\', association_id="a\0b")
    plain = received(spool)
    writing.add(hostile, plain)
    assert writing.inbox.take(9) == [hostile, plain]
    assert writing.inbox.take(9) == []
    writing.close()
    assert writing.inbox.take(9, wait=True) == []


def test_half_a_line_waits_for_the_rest(spool: Spool, writing: Writing) -> None:
    instance = received(spool)
    line = line_of(instance)
    os.write(writing.end, line[:50])
    assert writing.inbox.take(9) == []
    os.write(writing.end, line[50:])
    assert writing.inbox.take(9, wait=True) == [instance]


@pytest.mark.django_db
def test_instances_that_come_together_share_a_transaction_and_a_nudge(spool: Spool, writing: Writing) -> None:
    node("PACS")
    LuaEntry.objects.create(script="")
    writing.add(*(received(spool) for _ in range(5)))
    writing.run()
    assert QueueItem.objects.filter(state="New").count() == 5
    assert writing.woken == ["prepare"]


@pytest.mark.django_db
def test_without_scripts_images_are_ready_at_once_and_the_sender_is_nudged(spool: Spool, writing: Writing) -> None:
    node("PACS")
    LuaEntry.objects.create(script="", enabled=False)
    writing.add(received(spool))
    writing.run()
    item = QueueItem.objects.get()
    assert (item.state, item.script_version_id is None) == ("Prepared", False)
    assert writing.woken == ["deliver"]


@pytest.mark.django_db
def test_a_script_that_is_activated_meets_the_next_image(spool: Spool, writing: Writing) -> None:
    node("PACS")
    writing.add(received(spool))
    assert writing.writer._write(writing.writer._gather())
    LuaEntry.objects.create(script="")
    writing.add(received(spool))
    writing.run()
    assert list(QueueItem.objects.order_by("id").values_list("state", flat=True)) == ["Prepared", "New"]


@pytest.mark.parametrize(("images", "turn"), [(1, pace.GATHER), (4, pace.GATHER_MANY)])
def test_what_comes_alone_is_written_at_once_and_what_follows_waits_for_the_next_turn(
    spool: Spool, writing: Writing, monkeypatch: Any, images: int, turn: float
) -> None:
    slept: list[float] = []
    instance = received(spool)

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        writing.add(instance)

    monkeypatch.setattr(row_writer.time, "sleep", sleep)
    monkeypatch.setattr(pace.time, "monotonic", lambda: 100.0 + sum(slept))
    waited = []
    for _ in range(3):
        before = sum(slept)
        writing.add(*[instance] * images)
        taken = writing.writer._gather()
        waited.append(sum(slept) - before)
        assert len(taken) == images + round(waited[-1] / pace.GATHER)
    assert waited == [0, pytest.approx(pace.GATHER), pytest.approx(turn)]


def test_when_a_dense_stream_pauses_its_last_images_wait_no_longer(
    spool: Spool, writing: Writing, monkeypatch: Any
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(row_writer.time, "sleep", slept.append)
    monkeypatch.setattr(pace.time, "monotonic", lambda: 100.0 + sum(slept))
    for _ in range(3):
        writing.add(*[received(spool)] * 4)
        writing.writer._gather()
    assert writing.writer._pace.left == pytest.approx(pace.GATHER_MANY)
    writing.add(received(spool))
    assert len(writing.writer._gather()) == 1
    assert slept == [pytest.approx(pace.GATHER)] * 3


@pytest.mark.django_db
def test_who_is_nudged_hears_that_a_dense_stream_has_paused_and_not_that_a_thin_one_has(
    spool: Spool, writing: Writing, monkeypatch: Any
) -> None:
    node("PACS")
    LuaEntry.objects.create(script="")
    slept: list[float] = []
    coming = [4, 4, 0, 0]

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        writing.add(*(received(spool) for _ in range(coming.pop(0))))

    monkeypatch.setattr(row_writer.time, "sleep", sleep)
    monkeypatch.setattr(pace.time, "monotonic", lambda: 100.0 + sum(slept))
    for _ in range(3):
        writing.add(*(received(spool) for _ in range(4)))
        assert writing.writer._write(writing.writer._gather())
    slept.append(1)
    for _ in range(2):
        writing.add(received(spool))
        assert writing.writer._write(writing.writer._gather())
    assert writing.woken == ["prepare", "prepare", "prepare, the last", "prepare", "prepare"]


def test_a_full_batch_does_not_wait_for_more(spool: Spool, writing: Writing, monkeypatch: Any) -> None:
    monkeypatch.setattr(row_writer.time, "sleep", lambda _: pytest.fail("waited"))
    monkeypatch.setattr(row_writer, "_BATCH", 2)
    writing.add(*[received(spool)] * 7)
    assert [len(writing.writer._gather()) for _ in range(3)] == [2, 2, 2]


@pytest.mark.django_db
def test_while_the_database_is_away_instances_wait_and_are_tried_again(
    spool: Spool, writing: Writing, monkeypatch: Any
) -> None:
    node("PACS")
    away = [OperationalError("away\nDETAIL: Failing row contains (DOE^JANE)")] * 3
    waits: list[float] = []

    def back_later(*arguments: Any, **options: Any) -> int:
        _once(away)
        return enqueue(*arguments, **options)

    monkeypatch.setattr(row_writer, "enqueue", back_later)
    monkeypatch.setattr(writing.inbox, "closes_within", waits.append)
    instance = received(spool)
    writing.add(instance)
    writing.run()
    assert QueueItem.objects.get().id == instance.id
    assert waits == [0.1, 0.2, 0.4]
    assert writing.woken == ["deliver"]


def _once(errors: list[OperationalError]) -> None:
    if errors:
        raise errors.pop()


@pytest.mark.django_db
def test_a_stop_does_not_wait_for_a_database_that_is_away(spool: Spool, writing: Writing, monkeypatch: Any) -> None:
    tried = []

    def away(instances: Any, *_: Any, **__: Any) -> int:
        tried.append(len(instances))
        raise OperationalError("away")

    monkeypatch.setattr(row_writer, "enqueue", away)
    monkeypatch.setattr(row_writer, "_BATCH", 2)
    writing.add(*[received(spool)] * 6)
    # The pipe is closed, so nothing is waited for.
    writing.run()
    assert tried == [2]
    assert writing.woken == []


@pytest.mark.django_db
def test_patient_data_in_a_database_error_is_not_logged(
    spool: Spool, writing: Writing, monkeypatch: Any, caplog: Any
) -> None:
    error = OperationalError("refused\nDETAIL:  Failing row contains (1, DOE^JANE)")
    monkeypatch.setattr(row_writer, "enqueue", lambda *_, **__: _once([error]))
    writing.add(received(spool))
    writing.run()
    assert "1 received instances, which are safe in the spool: refused" in caplog.text
    assert "DOE" not in caplog.text
