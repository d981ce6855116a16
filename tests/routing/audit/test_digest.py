"""Every column of a record and of a link is under the seal: none can be changed without being found."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from routing.audit import chain as audit_chain
from routing.audit.chain import seal, shorten, verify
from routing.audit.log import audit
from routing.models import AuditRecord, AuditSeal

pytestmark = pytest.mark.django_db

OTHER_RECORD: dict[str, Any] = {
    "at": timezone.now() - timedelta(days=1),
    "actor": "karl",
    "address": "192.0.2.99",
    "action": "look",
    "outcome": "refused",
    "object": "item 77",
    "node": 77,
    "detail": {"reason": "another"},
}
OTHER_LINK: dict[str, Any] = {
    "at": timezone.now() - timedelta(days=1),
    "first_record": 77,
    "last_record": 77,
    "records": [77],
    "digests": b"x" * 32,
    "removed_seal": 77,
    "removed_record": 77,
    "removed_hash": "77",
}


def columns(model: type[AuditRecord | AuditSeal]) -> set[str]:
    return {field.name for field in model._meta.get_fields()}


def test_each_column_is_tried_here():
    assert columns(AuditRecord) - {"id"} == set(OTHER_RECORD)
    # What a link says of the one before it and of itself has words of its own: test_chain.
    assert columns(AuditSeal) - {"id", "previous", "hash"} == set(OTHER_LINK)


@pytest.mark.parametrize("column", OTHER_RECORD)
def test_no_column_of_a_sealed_record_can_be_changed_unseen(column):
    audit("olga", "retry", "item 1")
    assert seal() == 1
    assert verify().findings == ()
    AuditRecord.objects.update(**{column: OTHER_RECORD[column]})
    assert verify().findings == (f"record {AuditRecord.objects.get().pk} has been changed",)


@pytest.mark.parametrize("column", OTHER_LINK)
def test_no_column_of_a_link_that_announces_a_removal_can_be_changed_unseen(column, monkeypatch):
    monkeypatch.setattr(audit_chain, "AT_ONCE", 1)
    for name in ("item 1", "item 2"):
        audit("olga", "retry", name)
        assert seal() == 1
    assert shorten(timedelta(0)) == 1
    assert verify().findings == ()
    newest = AuditSeal.objects.latest("pk")
    AuditSeal.objects.filter(pk=newest.pk).update(**{column: OTHER_LINK[column]})
    assert f"link {newest.pk} has been changed" in verify().findings


def test_what_an_earlier_version_has_sealed_is_sealed_the_same_way_today(monkeypatch):
    """Another order, form or column would call every record of the years before a changed one."""
    at = datetime(2026, 3, 1, 12, 30, 15, 250, tzinfo=UTC)
    monkeypatch.setattr(audit_chain.timezone, "now", lambda: at + timedelta(minutes=1))
    AuditRecord.objects.create(
        pk=7,
        at=at,
        actor="olga",
        address="192.0.2.5",
        action="retry",
        object="item 1",
        detail={"b": "ä", "a": [1, None]},
    )
    assert seal() == 1
    link = AuditSeal.objects.get()
    assert bytes(link.digests).hex() == "82987430f514246e713547fe56f0c63b136e84d8c808fc6460cddb5ea651527b"
    assert link.hash == "4c19d95d0a81c886ced3c6b11aa59e02526ea13bcb70e6095bf5001974da80aa"
