"""A link of the audit log's chain is made every few seconds, for years: the old ones go, and all can be checked."""

import tracemalloc
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from routing.audit import chain as audit_chain
from routing.audit.chain import verify
from routing.audit.log import audit
from routing.engine.housekeeping.audit_keeping import AuditKeeper
from routing.models import AuditRecord, AuditSeal

pytestmark = pytest.mark.django_db


def test_one_look_removes_all_links_that_the_rounds_since_the_last_look_made(settings, monkeypatch):
    settings.CAPACITOR = replace(settings.CAPACITOR, keep_audit=3600)
    keeper, now = AuditKeeper(), timezone.now
    monkeypatch.setattr(timezone, "now", lambda: now() - timedelta(days=1))
    for number in range(120):
        audit("olga", "retry", f"item {number}")
        keeper.step(sweeping=False)
    monkeypatch.setattr(timezone, "now", now)
    audit("olga", "retry", "today")
    keeper.step(sweeping=True)
    assert list(AuditRecord.objects.values_list("object", flat=True)) == ["today"]
    assert verify().findings == ()


def chain(length: int) -> None:
    """Links without records, as long as the housekeeping of a few hours makes it."""
    links, previous = [], AuditSeal.objects.order_by("pk").values_list("hash", flat=True).last() or ""
    for _ in range(length):
        link = AuditSeal(at=timezone.now(), last_record=0, previous=previous)
        previous = link.hash = audit_chain._hash(link)
        links.append(link)
    AuditSeal.objects.bulk_create(links, batch_size=100)


def test_to_check_a_chain_of_years_takes_no_more_memory_than_one_of_an_hour():
    """A link is made every few seconds: six years of them did not fit into the memory of a router."""
    peaks = []
    for length in (500, 4500):
        chain(length)
        tracemalloc.start()
        assert verify().findings == ()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    kept_of_a_link = (peaks[1] - peaks[0]) / 4500
    assert kept_of_a_link < 100  # bytes; a link alone takes more than ten times that
