"""The chain of the audit log: whatever is done to the records behind the router's back is found and named."""

import io
import json
import threading
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, connections, transaction
from django.utils import timezone

from routing.audit import chain as audit_chain
from routing.audit.chain import seal, shorten, verify
from routing.audit.guard import guard, unguard
from routing.audit.log import audit
from routing.engine.housekeeping.audit_keeping import AuditKeeper
from routing.models import AuditRecord, AuditSeal

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def links_of_three(monkeypatch):
    monkeypatch.setattr(audit_chain, "AT_ONCE", 3)
    monkeypatch.setattr("routing.engine.housekeeping.audit_keeping.AT_ONCE", 3)


def recorded(count: int) -> list[int]:
    """Records in sealed links; answers their numbers."""
    for number in range(count):
        audit("olga", "retry", f"item {number}", reason="test")
    while seal():
        pass
    return list(AuditRecord.objects.order_by("pk").values_list("pk", flat=True))


def findings() -> list[str]:
    return list(verify().findings)


def test_records_as_they_were_written_are_sound():
    recorded(8)
    audit("olga", "retry", "item 9")
    found = verify()
    assert (found.findings, found.sealed, found.open) == ((), 8, 1)
    assert AuditSeal.objects.count() == 3


def test_nothing_at_all_is_sound():
    assert verify() == audit_chain.Examination((), 0, 0, "", None)
    assert seal() == 0


def other_actor(numbers):
    AuditRecord.objects.filter(pk=numbers[4]).update(actor="karl")
    return [f"record {numbers[4]} has been changed"]


def other_moment(numbers):
    AuditRecord.objects.filter(pk=numbers[0]).update(at=timezone.now() - timedelta(seconds=1))
    return [f"record {numbers[0]} has been changed"]


def other_detail(numbers):
    AuditRecord.objects.filter(pk=numbers[2]).update(detail={"reason": "another"})
    return [f"record {numbers[2]} has been changed"]


def other_address(numbers):
    AuditRecord.objects.filter(pk=numbers[2]).update(address="192.0.2.99")
    return [f"record {numbers[2]} has been changed"]


def one_removed(numbers):
    AuditRecord.objects.filter(pk=numbers[3]).delete()
    return [f"record {numbers[3]} is missing"]


def two_changed_places(numbers):
    one, other = AuditRecord.objects.get(pk=numbers[1]), AuditRecord.objects.get(pk=numbers[5])
    one.pk, other.pk = other.pk, one.pk
    one.save(force_update=True)
    other.save(force_update=True)
    return [f"record {numbers[1]} has been changed", f"record {numbers[5]} has been changed"]


def one_put_between(numbers):
    gap = AuditRecord.objects.get(pk=numbers[7])
    AuditRecord.objects.filter(pk=numbers[7]).delete()
    gap.pk = numbers[0] - 1
    gap.save(force_insert=True)
    return [f"record {numbers[0] - 1} was put in later", f"record {numbers[7]} is missing"]


def oldest_removed(numbers):
    AuditRecord.objects.filter(pk__lte=numbers[2]).delete()
    first, second = AuditSeal.objects.order_by("pk")[:2]
    AuditSeal.objects.filter(pk=first.pk).delete()
    return [f"links before {second.pk} are missing, and no removal was announced"]


def link_removed(numbers):
    AuditRecord.objects.filter(pk__in=numbers[3:6]).delete()
    links = list(AuditSeal.objects.order_by("pk"))
    links[1].delete()
    return [f"link {links[2].pk} does not follow the one before it: links are missing, added or reordered"]


def link_changed(numbers):
    link = AuditSeal.objects.order_by("pk").first()
    AuditSeal.objects.filter(pk=link.pk).update(at=timezone.now() - timedelta(days=1))
    return [f"link {link.pk} has been changed"]


def record_and_its_digest_changed(numbers):
    AuditRecord.objects.filter(pk=numbers[4]).update(actor="karl")
    link = AuditSeal.objects.get(first_record__lte=numbers[4], last_record__gte=numbers[4])
    row = audit_chain._records().get(pk=numbers[4])
    at = link.records.index(numbers[4]) * 32
    digests = bytes(link.digests)
    AuditSeal.objects.filter(pk=link.pk).update(digests=digests[:at] + audit_chain._digest(row) + digests[at + 32 :])
    return [f"link {link.pk} has been changed"]


TAMPERING = [
    *(other_actor, other_moment, other_detail, other_address, one_removed, two_changed_places, one_put_between),
    *(oldest_removed, link_removed, link_changed, record_and_its_digest_changed),
]


@pytest.mark.fault(128, "records and links changed, removed, put in, exchanged")
@pytest.mark.parametrize("tamper", TAMPERING, ids=lambda tamper: tamper.__name__)
def test_what_is_done_to_the_log_is_found_and_named(tamper, seen):
    numbers = recorded(9)
    assert findings() == []
    assert tamper(numbers) == findings()
    seen(f"{len(TAMPERING)} of {len(TAMPERING)} ways of tampering found, with the number of the record or link")


@pytest.mark.fault(128, "the whole chain made anew, or its newest links cut off")
def test_a_chain_that_was_made_anew_lacks_the_head_that_was_noted():
    numbers = recorded(6)
    noted = verify().head
    assert verify(noted).findings == ()
    AuditRecord.objects.filter(pk=numbers[5]).update(actor="karl")
    AuditSeal.objects.all().delete()
    while seal():
        pass
    assert findings() == []
    assert "was made anew or cut off" in verify(noted).findings[0]


def test_retention_removes_the_oldest_and_the_rest_can_still_be_checked():
    numbers = recorded(9)
    assert shorten(timedelta(days=1)) == 0
    assert shorten(timedelta(seconds=-1)) == 6
    assert list(AuditRecord.objects.order_by("pk").values_list("pk", flat=True)) == numbers[6:]
    assert findings() == []
    audit("olga", "retry", "later")
    assert seal() == 1
    assert shorten(timedelta(seconds=-1)) == 3
    assert findings() == []
    AuditRecord.objects.filter(pk=AuditRecord.objects.order_by("pk").first().pk).delete()
    assert findings() != []


@pytest.mark.parametrize("changed", [False, True])
def test_retention_during_a_check_is_no_finding_and_hides_none(monkeypatch, changed):
    last, before = recorded(9)[8], audit_chain._compare

    def meanwhile(*looked_at):
        monkeypatch.undo()
        assert shorten(timedelta(seconds=-1)) == 6
        if changed:
            unguard()
            AuditRecord.objects.filter(pk=last).update(actor="karl")
        return before(*looked_at)

    monkeypatch.setattr(audit_chain, "_compare", meanwhile)
    assert findings() == ([f"record {last} has been changed"] if changed else [])


def test_two_that_seal_at_the_same_time_cannot_fork_the_chain(monkeypatch):
    recorded(3)
    audit("olga", "retry", "item 4")
    before = audit_chain._settled
    monkeypatch.setattr(audit_chain, "_settled", lambda: (monkeypatch.undo(), seal(), before())[2])
    with pytest.raises(IntegrityError), transaction.atomic():
        seal()
    assert findings() == []
    assert (seal(), findings()) == (1, [])


@pytest.mark.fault(128, "UPDATE and DELETE in the database itself")
def test_a_record_whose_forerunner_may_still_be_written_waits_for_the_next_link(monkeypatch):
    """Sealed with it, the late one would look as if somebody had put it in later."""
    for number in range(3):
        audit("olga", "retry", f"item {number}")
    *_, late = AuditRecord.objects.order_by("pk").values_list("pk", flat=True)
    monkeypatch.setattr(audit_chain, "_settled", lambda: late - 1)
    assert seal() == 2
    assert verify().open == 1


def test_the_database_itself_refuses_to_change_or_remove(seen):
    numbers = recorded(6)
    guard()
    try:
        for deed in (
            lambda: AuditRecord.objects.filter(pk=numbers[0]).update(actor="karl"),
            lambda: AuditRecord.objects.filter(pk=numbers[0]).delete(),
            lambda: AuditRecord.objects.all().delete(),
            lambda: AuditSeal.objects.all().update(hash="0" * 64),
            lambda: AuditSeal.objects.order_by("pk").first().delete(),
        ):
            with pytest.raises(DatabaseError, match="only added to"), transaction.atomic():
                deed()
        assert shorten(timedelta(seconds=-1)) == 3
        assert findings() == []
    finally:
        unguard()
    seen(f"refused by triggers in {connection.vendor}; retention announces what it removes first")


def told(*arguments: str) -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command("verify_audit", *arguments, stdout=out)
    except SystemExit as end:
        return int(end.code), out.getvalue()
    return 0, out.getvalue()


def test_the_command_says_what_it_found_and_ends_with_an_error():
    numbers = recorded(3)
    code, text = told()
    assert (code, "as it was written: 3 records" in text) == (0, True)
    AuditRecord.objects.filter(pk=numbers[1]).delete()
    code, text = told()
    assert code == 1 and f"FOUND: record {numbers[1]} is missing" in text and "NOT as it was written" in text
    code, text = told("--json")
    assert json.loads(text)["findings"] == [f"record {numbers[1]} is missing"]


@pytest.mark.parametrize("cut", ["1", "garbage", "0:", "1:3f9c", "1:" + 65 * "a", "x:" + 64 * "a"])
def test_what_is_no_head_is_refused_and_says_nothing_of_the_log(cut):
    recorded(3)
    with pytest.raises(CommandError, match="is no head: it is a number, a colon and 64 hexadecimal digits"):
        told("--head", cut)
    assert told("--head", verify().head)[0] == 0


def test_housekeeping_seals_and_says_the_head_where_others_can_keep_it(caplog):
    for number in range(7):
        audit("olga", "retry", f"item {number}")
    with caplog.at_level("INFO", "capacitor.audit"):
        assert AuditKeeper().step(sweeping=True) == 7
    assert verify().head in caplog.text


@pytest.mark.django_db(transaction=True)
def test_many_who_write_at_once_leave_a_chain_that_is_sound():
    """On PostgreSQL numbers are given out before the commit: a later number may appear first."""
    failed: list[BaseException] = []

    def write(name: str) -> None:
        try:
            for number in range(12):
                with transaction.atomic():
                    audit(name, "retry", f"item {number}")
        except BaseException as error:
            failed.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=write, args=(f"person {number}",)) for number in range(3)]
    if connection.vendor == "sqlite" and connection.is_in_memory_db():
        for number in range(3):
            write_here(f"person {number}")
    else:
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            seal()
        for thread in threads:
            thread.join()
    while seal():
        pass
    assert failed == []
    found = verify()
    assert (found.findings, found.sealed, found.open) == ((), 36, 0)


def write_here(name: str) -> None:
    for number in range(12):
        audit(name, "retry", f"item {number}")
        seal()
