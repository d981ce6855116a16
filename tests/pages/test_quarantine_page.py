"""What was refused at reception: listed with its reason, downloaded by who may, queued or removed by operators."""

import contextlib
import errno
import fcntl
from dataclasses import replace

import pytest
from django.conf import settings
from django.utils import timezone

from routing.models import AuditRecord, QuarantinedInstance, QueueItem
from routing.showing.service_problems import reception
from routing.spool.part import Part
from routing.spool.quarantined import quarantined
from routing.spool.spool import Spool
from routing.views import quarantine as page
from tests.builders import new_id, node, queue_item, received
from tests.pages.people import HTMX, visitor, words

pytestmark = pytest.mark.django_db


@pytest.fixture
def spool(tmp_path, monkeypatch) -> Spool:
    monkeypatch.setattr(page, "spool_folder", lambda: tmp_path)
    return Spool(tmp_path, durable="none")


def refused(spool: Spool | None = None, **columns) -> QuarantinedInstance:
    """A row, and its file where there is a spool."""
    identifier, size = new_id(), 0
    if spool is not None:
        instance = received(spool, identifier=identifier)
        path = quarantined(spool, identifier)
        path.parent.mkdir(exist_ok=True)
        spool.path(identifier).rename(path)
        size = instance.size
    values = {
        "received_at": timezone.now(),
        "source_ae_title": "CT_1",
        "called_ae_title": "PACS",
        "peer_address": "192.0.2.7",
        "sop_class_uid": "1.2.840.10008.5.1.4.1.1.2",
        "sop_instance_uid": "1.2.3",
        "size": size,
        "status": 0xC000,
        "reason": "the data set is cut off",
    }
    return QuarantinedInstance.objects.create(id=identifier, **(values | columns))


@pytest.mark.fault(28)
def test_each_refusal_says_who_what_and_why():
    refused()
    refused(source_ae_title="MR_1", reason="<b>noise</b>")
    told = words(visitor().get("/quarantine/"))
    assert "CT_1 192.0.2.7 PACS CT Image Storage 1.2.3 the data set is cut off 0xC000" in told
    assert "<b>noise</b>" in told
    assert "not kept" in told
    assert "MR_1" not in words(visitor().get("/quarantine/?sender=CT_1", headers=HTMX))


def test_an_empty_list_says_what_that_means_and_a_check_that_is_off_is_said(monkeypatch):
    assert "Nothing is in quarantine" in words(visitor().get("/quarantine/"))
    refused()
    told = words(visitor().get("/quarantine/?sender=MR_1"))
    assert "Nothing that MR_1 sent is in quarantine. Show all" in told
    assert "or all that were have been removed" not in told
    monkeypatch.setattr(settings, "CAPACITOR", replace(settings.CAPACITOR, check_instances=False))
    assert "CAPACITOR_CHECK_INSTANCES is off" in words(visitor().get("/quarantine/"))


def test_a_viewer_may_neither_download_nor_act(spool):
    row = refused(spool)
    client = visitor("viewer")
    shown = client.get("/quarantine/").content.decode()
    assert f"/quarantine/{row.pk}/" not in shown
    assert client.get(f"/quarantine/{row.pk}/file/").status_code == 403
    for action in ("take", "delete"):
        assert client.post(f"/quarantine/{row.pk}/{action}/").status_code == 403
        assert visitor("operator").get(f"/quarantine/{row.pk}/{action}/").status_code == 405
    assert quarantined(spool, row.pk).exists()


def test_the_file_is_an_attachment_and_the_audit_log_says_who_took_it(spool):
    row = refused(spool)
    answer = visitor("viewer", phi=True).get(f"/quarantine/{row.pk}/file/")
    assert b"".join(answer.streaming_content) == quarantined(spool, row.pk).read_bytes()
    assert answer["Content-Disposition"] == f'attachment; filename="{row.pk}-refused.dcm"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert AuditRecord.objects.get().object == f"refused instance {row.pk}"


def test_a_file_that_is_gone_is_not_found_and_nothing_is_queued(spool):
    row = refused(spool)
    quarantined(spool, row.pk).unlink()
    assert visitor("viewer", phi=True).get(f"/quarantine/{row.pk}/file/").status_code == 404
    answer = visitor("operator").post(f"/quarantine/{row.pk}/take/", follow=True)
    assert "is gone; nothing was queued" in words(answer)
    assert not QueueItem.objects.exists()
    assert not AuditRecord.objects.filter(action="take from quarantine").exists()


def test_an_operator_queues_one_all_the_same(spool):
    node("PACS")
    row = refused(spool)
    answer = visitor("operator").post(f"/quarantine/{row.pk}/take/")
    assert answer["Location"] == f"/queue/{row.pk}/"
    assert QueueItem.objects.get().state == "New"
    record = AuditRecord.objects.get(action="take from quarantine")
    assert (record.actor, record.detail["reason"]) == ("the operator", "the data set is cut off")


def test_what_cannot_be_committed_takes_no_file_away(spool, django_capture_on_commit_callbacks):
    row = refused(spool)
    with django_capture_on_commit_callbacks() as callbacks:
        visitor("operator").post(f"/quarantine/{row.pk}/delete/")
        assert quarantined(spool, row.pk).exists()
    assert len(callbacks) == 1


@contextlib.contextmanager
def another_at_it(spool, row):
    """A process that takes it; it is killed behind this."""
    with quarantined(spool, row.pk).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        spool.begin(row.pk).write([b"half of it"])
        yield


def test_one_that_somebody_is_taking_loses_no_file_and_after_a_kill_can_be_taken(
    spool, django_capture_on_commit_callbacks
):
    node("PACS")
    row = refused(spool)
    content = quarantined(spool, row.pk).read_bytes()
    with another_at_it(spool, row), django_capture_on_commit_callbacks(execute=True):
        told = words(visitor("operator").post(f"/quarantine/{row.pk}/take/", follow=True))
    assert f"{row.pk} is being taken by somebody else right now; nothing was queued." in told
    assert quarantined(spool, row.pk).exists()
    assert QuarantinedInstance.objects.exists()
    assert not QueueItem.objects.exists()
    assert not AuditRecord.objects.filter(action="take from quarantine").exists()
    with django_capture_on_commit_callbacks(execute=True):
        visitor("operator").post(f"/quarantine/{row.pk}/take/")
    assert QueueItem.objects.get().state == "New"
    assert spool.path(row.pk).read_bytes() == content
    assert not quarantined(spool, row.pk).exists()


def test_one_that_finds_no_room_says_so_and_stays_where_it_is(spool, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    row = refused(spool)
    monkeypatch.setattr(Part, "write", full)
    told = words(visitor("operator").post(f"/quarantine/{row.pk}/take/", follow=True))
    assert f"{row.pk} could not be taken: No space left on device; nothing was queued." in told
    assert quarantined(spool, row.pk).exists() and not QueueItem.objects.exists()
    assert not AuditRecord.objects.filter(action="take from quarantine").exists()


def test_an_operator_removes_one_with_its_file(spool, django_capture_on_commit_callbacks):
    row = refused(spool)
    with django_capture_on_commit_callbacks(execute=True):
        visitor("operator").post(f"/quarantine/{row.pk}/delete/")
    assert not QuarantinedInstance.objects.exists()
    assert not quarantined(spool, row.pk).exists()
    assert AuditRecord.objects.get().action == "delete from quarantine"


@pytest.mark.fault(38)
def test_the_dashboard_tells_of_refusals_collisions_and_guessing_and_the_item_of_its_collision(seen):
    first = queue_item("Delivered", id=new_id())
    second = queue_item("Prepared", id=new_id(), collides_with=first.pk)
    refused()
    AuditRecord.objects.create(at=timezone.now(), actor="listener", action="AE titles guessed", object="192.0.2.66")
    reception.forget()
    told = words(visitor().get("/"))
    reception.forget()
    assert "1 instance was refused as not valid" in told
    assert "1 UID collision within a day" in told
    assert "AE titles are being guessed from 192.0.2.66" in told
    page = words(visitor().get(f"/queue/{second.pk}/"))
    assert f"UID collision: item {first.pk} came with the same SOP Instance UID and other bytes" in page
    seen("the dashboard and the item say so")
