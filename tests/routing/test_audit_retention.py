"""What is older than the audit log is kept goes, however often a link of the chain is made."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from routing.audit import audit
from routing.audit_chain import verify
from routing.engine.audit_keeping import AuditKeeper
from routing.models import AuditRecord

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
