"""What visitors leave behind is forgotten: sessions that are over, wrong passwords, log-ins, floods of log lines."""

from datetime import timedelta

import pytest
from axes.models import AccessAttempt, AccessLog
from django.contrib.sessions.models import Session
from django.utils import timezone

from routing.engine.housekeeping import retention
from routing.engine.housekeeping.retention import forget_idle
from routing.models import ApplicationLogLine

pytestmark = pytest.mark.django_db


def test_sessions_that_are_over_and_old_attempts_go_and_the_others_stay():
    now = timezone.now()
    for name, days in (("old", -2), ("new", 1)):
        Session.objects.create(session_key=name, session_data="", expire_date=now + timedelta(days=days))
    for name, days in (("old", 2), ("new", 0)):
        AccessAttempt.objects.create(username=name, ip_address="192.0.2.1", failures_since_start=1)
        AccessAttempt.objects.filter(username=name).update(attempt_time=now - timedelta(days=days))
        AccessLog.objects.create(username=name, ip_address="192.0.2.1")
        AccessLog.objects.filter(username=name).update(attempt_time=now - timedelta(days=days * 20))
    forget_idle(timedelta(days=30))
    assert Session.objects.get().session_key == "new"
    assert AccessAttempt.objects.get().username == "new"
    assert AccessLog.objects.get().username == "new"


@pytest.mark.parametrize("number", [0, 1, 6, 7, 40])
def test_a_flood_of_lines_leaves_the_newest_ones(monkeypatch, number):
    """Whoever reaches the DICOM port has a line written by each connection: age alone is no limit."""
    monkeypatch.setattr(retention, "_MOST_LINES", 6)
    monkeypatch.setattr(retention, "_LINES_AT_ONCE", 5)
    now = timezone.now()
    ApplicationLogLine.objects.bulk_create(
        ApplicationLogLine(at=now, level="info", process="p", logger="l", message=str(at)) for at in range(number)
    )
    forget_idle(timedelta(days=30))
    kept = [line.message for line in ApplicationLogLine.objects.order_by("pk")]
    assert kept == [str(at) for at in range(number)][-6:]
