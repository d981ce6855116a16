"""The audit log cannot be written: nothing is forgotten, people see it, images go on."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone

from routing.audit import store as audit_store
from routing.audit.log import audit
from routing.audit.store import AuditUnavailable, are_waiting, catch_up, keep, waiting_file
from routing.database.short_lived import forget_all
from routing.engine.housekeeping.audit_keeping import AuditKeeper
from routing.models import AuditRecord, QueueItem
from tests.builders import queue_item
from tests.pages.busy_router import busy_router
from tests.pages.people import visitor

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path):
    settings.CAPACITOR = replace(settings.CAPACITOR, data_dir=tmp_path)


@pytest.fixture
def strict(settings):
    object.__setattr__(settings.CAPACITOR, "audit_strict", True)
    yield
    object.__setattr__(settings.CAPACITOR, "audit_strict", False)


class Refusing:
    """A table that takes nothing, as on a full disk or without the right to write."""

    SQLITE = (
        "CREATE TRIGGER refusing BEFORE INSERT ON routing_auditrecord BEGIN SELECT RAISE(ABORT, 'synthetic'); END",
        "DROP TRIGGER refusing",
    )
    POSTGRESQL = (
        "CREATE FUNCTION refuse() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'synthetic'; END $$ LANGUAGE plpgsql; "
        "CREATE TRIGGER refusing BEFORE INSERT ON routing_auditrecord EXECUTE FUNCTION refuse()",
        "DROP FUNCTION refuse CASCADE",
    )

    def __init__(self):
        self.begin, self.end = self.POSTGRESQL if connection.vendor == "postgresql" else self.SQLITE

    def __enter__(self):
        with connection.cursor() as cursor:
            cursor.execute(self.begin)

    def __exit__(self, *_):
        with connection.cursor() as cursor:
            cursor.execute(self.end)


def row(name: str) -> dict[str, Any]:
    return {"at": timezone.now(), "actor": "worker", "action": "run scripts", "object": name, "detail": {"a": "ü"}}


def test_what_waits_is_on_the_disk_before_the_deed_is_committed(monkeypatch):
    synced = []
    sync = os.fsync

    def watched(descriptor: int) -> None:
        sync(descriptor)
        synced.append(os.pread(descriptor, 4096, 0))

    monkeypatch.setattr(os, "fsync", watched)
    with Refusing():
        keep([row("item 1")])
    assert synced == [waiting_file().read_bytes()]
    assert b"item 1" in synced[0]


@pytest.mark.fault(129, "the table of the audit log takes nothing")
def test_what_the_database_refuses_waits_in_a_file_and_comes_in_later(seen):
    with Refusing():
        keep([row("item 1"), row("item 2")])
        keep([row("item 3")])
        assert are_waiting()
        assert waiting_file().stat().st_mode & 0o777 == 0o600
        with pytest.raises(DatabaseError):
            catch_up()
    assert catch_up() == 3
    assert not are_waiting()
    assert list(AuditRecord.objects.order_by("pk").values_list("object", "detail")) == [
        (f"item {number}", {"a": "ü"}) for number in (1, 2, 3)
    ]
    seen("3 of 3 records waited in a file and came in later; routing went on")


@pytest.mark.fault(129, "routing while the table of the audit log takes nothing")
def test_people_work_on_while_records_wait(seen):
    item = queue_item("Prepared")
    operator = visitor("operator")
    with Refusing():
        operator.post(f"/queue/{item.pk}/fail/")
        assert QueueItem.objects.get(pk=item.pk).state == "Failed"
        AuditKeeper().step(sweeping=False)
        assert b'"fail"' in waiting_file().read_bytes()


def test_that_waiting_records_are_refused_is_told_once_until_they_are_in(caplog):
    keeper, told = AuditKeeper(), "the audit log cannot be kept: synthetic"
    with Refusing():
        keep([row("item 1")])
        keeper.step(sweeping=False)
        keeper.step(sweeping=False)
        assert caplog.text.count(told) == 1
    assert keeper.step(sweeping=False) == 1
    with Refusing():
        keep([row("item 2")])
        keeper.step(sweeping=False)
    assert caplog.text.count(told) == 2


@pytest.mark.fault(129, "the dashboard while records wait")
def test_the_dashboard_is_red_while_records_wait():
    busy_router()
    assert "audit" not in visitor().get("/").content.decode().lower().partition("<main")[2].partition("</main")[0]
    waiting_file().write_text("{}\n")
    forget_all()
    told = visitor().get("/").content.decode()
    assert "cannot be written" in told and "The audit log" in told


@pytest.mark.fault(129, "pages with patient data, with CAPACITOR_AUDIT_STRICT")
def test_with_the_strict_setting_nothing_is_shown_or_done_that_cannot_be_recorded(strict, seen):
    item = queue_item("Prepared")
    doctor, operator = visitor("viewer", phi=True), visitor("operator")
    with Refusing():
        answer = doctor.get(f"/queue/{item.pk}/")
        assert answer.status_code == 503
        assert "TEST^ANNA" not in answer.content.decode()
        # Not the second time either.
        assert doctor.get(f"/queue/{item.pk}/").status_code == 503
        assert operator.post(f"/queue/{item.pk}/fail/").status_code == 503
        assert QueueItem.objects.get(pk=item.pk).state == "Prepared"
        # What the engine does has no person to be told no: it waits in the file.
        keep([row("item 1")])
    assert doctor.get(f"/queue/{item.pk}/").status_code == 200
    seen("503 without a value; the engine's own records wait in the file")


@pytest.mark.fault(129, "neither table nor file can be written")
def test_what_can_be_recorded_nowhere_is_not_shown(monkeypatch):
    item = queue_item("Failed")
    doctor = visitor("viewer", phi=True)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(audit_store.os, "open", full)
    with Refusing():
        assert doctor.get(f"/queue/{item.pk}/").status_code == 503
        with pytest.raises(AuditUnavailable):
            audit("olga", "retry", "item 1")


def test_a_line_that_a_power_cut_left_half_keeps_no_other_from_coming_in(caplog):
    with Refusing():
        keep([row("item 1")])
        with waiting_file().open("ab") as file:
            file.write(b'{"at": "2026-01-0')
        keep([row("item 2")])
    catch_up()
    assert list(AuditRecord.objects.order_by("pk").values_list("object", flat=True)) == ["item 1", "item 2"]
    assert "1 lines of waiting" in caplog.text
    assert (Path(os.fspath(waiting_file())).parent / "audit-unreadable.jsonl").read_bytes() == b'{"at": "2026-01-0\n'
