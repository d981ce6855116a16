"""A deed for very many items: answered at once, going on behind the page, stopped by whoever operates."""

import time
from datetime import timedelta

import pytest
from django.db import InterfaceError, InternalError, OperationalError, transaction
from django.utils import timezone

from routing.models import AuditRecord, OperatorAction, QueueItem
from routing.operating import behind, operator_actions
from tests.builders import node, queue_item
from tests.pages.people import HTMX, visitor, words

pytestmark = pytest.mark.django_db
ALL = {"action": "retry", "scope": "matching", "upto": 10_000_000}


@pytest.fixture
def begun(monkeypatch):
    """What was begun behind the page, to be carried on when the test says so."""
    work = []
    monkeypatch.setattr(behind, "run", work.append)
    monkeypatch.setattr("routing.views.queue_bulk.BEHIND", 3)
    monkeypatch.setattr(operator_actions, "_CHUNK", 2)
    monkeypatch.setattr(behind, "pause", lambda seconds: None)
    # The test's own connection is not the deed's to close.
    monkeypatch.setattr(behind.connections, "close_all", lambda: None)
    return work


def failed(count: int, **columns) -> None:
    pacs = node("PACS")
    for _ in range(count):
        queue_item("Failed", node=pacs, prepared_at=timezone.now(), **columns)


def waiting() -> int:
    return QueueItem.objects.filter(state="Prepared").count()


def test_a_deed_for_many_is_answered_before_it_is_done_and_can_be_undone_afterwards(begun):
    failed(7)
    operator = visitor("operator")
    answer = operator.post("/queue/act/?state=Failed", ALL, follow=True)
    assert "Begun with 7 items" in words(answer)
    assert "retry, 0 of 7 items" in words(answer)
    assert waiting() == 0
    begun[0]()
    assert waiting() == 7
    page = operator.get("/queue/")
    assert "of 7 items" not in words(page) and "Undo" in words(page)
    operator.post(f"/queue/undo/{OperatorAction.objects.get().pk}/")
    assert waiting() == 0
    actions = AuditRecord.objects.order_by("pk").values_list("action", "object")
    assert list(actions) == [("begin retry", "7 items"), ("retry", "7 items"), ("undo retry", "7 of 7 items")]


def test_what_arrives_before_its_turn_is_not_sent_once_more(begun):
    failed(5)
    operator = visitor("operator")
    operator.post("/queue/act/?state=Failed", {**ALL, "action": "send-again", "asked_at": timezone.now().isoformat()})
    arrived = QueueItem.objects.order_by("-pk")[0]
    QueueItem.objects.filter(pk=arrived.pk).update(state="Delivered", updated_at=timezone.now())
    begun[0]()
    arrived.refresh_from_db()
    assert (waiting(), arrived.state, OperatorAction.objects.get().moved) == (4, "Delivered", 4)


@pytest.mark.fault(121, "retry of many items, stopped by somebody else")
def test_it_is_stopped_by_whoever_operates_and_what_is_done_stays_done(begun, monkeypatch, seen):
    failed(9)
    operator, colleague = visitor("operator"), visitor("script author")
    operator.post("/queue/act/?state=Failed", ALL)
    row = OperatorAction.objects.get()
    chunk = operator_actions._chunk

    def stopped_meanwhile(*arguments):
        chunk(*arguments)
        if waiting() == 4:
            assert "Stopped" in words(colleague.post(f"/queue/stop/{row.pk}/", follow=True))

    monkeypatch.setattr(operator_actions, "_chunk", stopped_meanwhile)
    begun[0]()
    assert waiting() == 4
    row.refresh_from_db()
    assert (row.moved, row.stopped_at is not None, row.undo_until is not None) == (4, True, True)
    assert AuditRecord.objects.get(action="stop retry").actor == "the script author"
    assert "ended already" in words(colleague.post(f"/queue/stop/{row.pk}/", follow=True))
    seen("stopped after the items in hand; what was done stays done and can be undone")


def test_when_it_has_ended_the_open_page_offers_to_undo_it_however_long_it_took(begun):
    failed(5)
    operator = visitor("operator")
    operator.post("/queue/act/?state=Failed", ALL)
    again = f"/queue/?state=Failed&rows={QueueItem.objects.latest('pk').pk}"
    assert "undo-button" not in operator.get(again, headers=HTMX).content.decode()
    OperatorAction.objects.update(at=timezone.now() - timedelta(minutes=10))
    begun[0]()
    assert 'id="undo-button"' in operator.get(again, headers=HTMX).content.decode()
    assert "undo-button" not in visitor("script author").get(again, headers=HTMX).content.decode()


def killed_after_a_chunk(begun, monkeypatch) -> None:
    """The thread ends with its process, and does not come to say so."""
    chunk = operator_actions._chunk

    def last(*arguments):
        chunk(*arguments)
        raise SystemExit

    monkeypatch.setattr(operator_actions, "_chunk", last)
    with pytest.raises(SystemExit):
        begun[0]()


def test_what_a_dead_web_process_began_is_shown_as_broken_off_with_what_it_had_done(begun, monkeypatch):
    failed(5)
    operator = visitor("operator")
    operator.post("/queue/act/?state=Failed", ALL)
    killed_after_a_chunk(begun, monkeypatch)
    assert "has broken off" not in words(operator.get("/queue/"))
    OperatorAction.objects.update(beat_at=timezone.now() - timedelta(minutes=2))
    page = operator.get("/queue/")
    assert "has broken off: 2 of 5 items were done" in words(page)
    assert "Stop</button>" not in page.content.decode()
    assert "has broken off" not in words(visitor("viewer").get("/queue/"))
    OperatorAction.objects.update(at=timezone.now() - timedelta(days=2))
    assert "has broken off" not in words(operator.get("/queue/"))


def test_what_breaks_off_while_somebody_waits_for_it_is_shown_as_well(monkeypatch):
    monkeypatch.setattr(operator_actions, "_CHUNK", 2)
    failed(5)
    operator = visitor("operator")
    chunk, done = operator_actions._chunk, []

    def away(*arguments):
        if done:
            raise OperationalError("database is locked")
        done.append(chunk(*arguments))

    monkeypatch.setattr(operator_actions, "_chunk", away)
    with pytest.raises(OperationalError):
        operator.post("/queue/act/?state=Failed", ALL)
    assert waiting() == 2
    assert "retry, 2 of 5 items" in words(operator.get("/queue/"))
    OperatorAction.objects.update(beat_at=timezone.now() - timedelta(minutes=2))
    assert "has broken off: 2 of 5 items were done" in words(operator.get("/queue/"))


def test_also_what_somebody_waits_for_can_be_stopped_by_a_colleague(monkeypatch):
    monkeypatch.setattr(operator_actions, "_CHUNK", 2)
    failed(5)
    chunk = operator_actions._chunk

    def stopped_meanwhile(*arguments):
        chunk(*arguments)
        visitor("script author").post(f"/queue/stop/{OperatorAction.objects.get().pk}/")

    monkeypatch.setattr(operator_actions, "_chunk", stopped_meanwhile)
    visitor("operator").post("/queue/act/?state=Failed", ALL)
    assert waiting() == 2


def test_housekeeping_notes_once_what_broke_off_and_nothing_that_may_go_on(begun, monkeypatch):
    failed(5)
    operator = visitor("operator")
    operator.post("/queue/act/?state=Failed", ALL)
    killed_after_a_chunk(begun, monkeypatch)

    def noted():
        behind.note_broken_off()
        return list(AuditRecord.objects.filter(action="broken off retry").values_list("actor", "object", "detail"))

    OperatorAction.objects.update(beat_at=timezone.now() - timedelta(minutes=10))
    assert noted() == []
    OperatorAction.objects.update(beat_at=timezone.now() - timedelta(minutes=12))
    told = [("housekeeping", "2 of 5 items", {"begun_by": "the operator"})]
    assert (noted(), noted()) == (told, told)
    assert "2 of 5 items were done" in words(operator.get("/queue/"))


def test_what_breaks_off_is_in_the_log_and_not_in_the_way(begun, monkeypatch, caplog):
    failed(5)
    visitor("operator").post("/queue/act/?state=Failed", ALL)

    def broken(*_):
        raise RuntimeError("synthetic")

    monkeypatch.setattr(operator_actions, "_chunk", broken)
    begun[0]()
    assert "has broken off" in caplog.text


def interrupted(monkeypatch, *, committed: bool, error=OperationalError) -> None:
    """Let the second chunk lose its connection once, before or after its commit."""
    chunk = operator_actions._chunk
    lost: list[bool] = []

    def losing(done, action, items, destination):
        here = done.moved and not lost
        if here and not committed:
            lost.append(True)
            with transaction.atomic():
                chunk(done, action, items, destination)
                raise (made := error("terminating connection due to administrator command")) from made.__cause__
        chunk(done, action, items, destination)
        if here:
            lost.append(True)
            raise (made := error("server closed the connection unexpectedly")) from made.__cause__

    monkeypatch.setattr(operator_actions, "_chunk", losing)


def read_only(words: str) -> InternalError:
    """As PostgreSQL tells it, which stands by for another or has no room left."""
    cause = Exception()
    cause.sqlstate = "25006"
    error = InternalError(words)
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize("error", [OperationalError, InterfaceError, read_only])
@pytest.mark.parametrize(("action", "state"), [("retry", "Prepared"), ("replay", "New")])
def test_what_a_restart_of_the_database_interrupts_goes_on_and_nothing_is_done_twice(
    begun, monkeypatch, caplog, action, state, error, committed
):
    failed(7)
    operator = visitor("operator")
    operator.post("/queue/act/?state=Failed", {**ALL, "action": action})
    interrupted(monkeypatch, committed=committed, error=error)
    begun[0]()
    assert QueueItem.objects.filter(state=state).count() == 7
    row = OperatorAction.objects.get()
    assert (row.moved, row.pending, row.untouched, row.steps.count()) == (7, 0, 0, 7)
    assert "waits for the database" in caplog.text
    actions = AuditRecord.objects.order_by("pk").values_list("action", "object")
    assert list(actions) == [(f"begin {action}", "7 items"), (action, "7 items")]
    assert "Undo" in words(operator.get("/queue/"))


def test_a_database_that_refuses_for_long_ends_it(begun, monkeypatch, caplog):
    failed(5)
    visitor("operator").post("/queue/act/?state=Failed", ALL)
    monkeypatch.setattr(behind, "_PATIENCE", -1)
    interrupted(monkeypatch, committed=False)
    begun[0]()
    assert waiting() == 2
    assert "has broken off" in caplog.text


@pytest.mark.fault(121, "retry of very many items")
def test_very_many_are_answered_at_once(monkeypatch, effort, seen):
    count = effort(5_000, 100_000)
    monkeypatch.setattr(behind, "run", lambda work: None)
    failed(1)
    first = QueueItem.objects.get()
    rows = []
    for number in range(1, count):
        copy = QueueItem.objects.get(pk=first.pk) if number == 1 else rows[-1]
        rows.append(
            QueueItem(
                **{
                    **{f.attname: getattr(copy, f.attname) for f in QueueItem._meta.concrete_fields},
                    "id": first.pk + number,
                    "received_id": first.pk + number,
                }
            )
        )
    QueueItem.objects.bulk_create(rows, batch_size=500)
    operator = visitor("operator")
    begun = time.monotonic()
    answer = operator.post("/queue/act/?state=Failed", ALL)
    took = time.monotonic() - begun
    assert answer.status_code == 302
    row = OperatorAction.objects.get()
    assert (row.wanted, row.undo_until) == (count, None)
    seen(f"{count} items: answered in {took:.1f} s, done behind the page")
