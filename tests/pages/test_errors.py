"""An error of our own, with patient data at hand: neither page nor log nor mail tells a value."""

import logging

import pytest
from django.core import mail

from routing import application_log
from routing.views import item as item_views
from tests.pages.busy_router import busy_router
from tests.pages.people import HTMX, visitor

pytestmark = pytest.mark.django_db
CANARY = "ZZCANARY^PHI"


@pytest.fixture
def web_log(tmp_path):
    """The log as the web process writes it."""
    root, ours = logging.getLogger(), logging.getLogger("capacitor")
    before = root.handlers[:], root.level, ours.level
    without_filters()  # another test may have had the site started, and its visitors have used up their lines
    application_log.start("web", tmp_path, "INFO", database=False)
    yield tmp_path / "web.log"
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])
    for name in ("pydicom", "pynetdicom"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    without_filters()


def without_filters():
    for name in application_log.BY_VISITORS:
        logging.getLogger(name).filters.clear()


@pytest.mark.fault(124, "an item page that breaks while it holds a patient's name")
@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])
def test_an_error_tells_no_value(headers, monkeypatch, web_log, settings, seen):
    settings.ADMINS = [("Admin", "admin@hospital.example")]
    busy_router(CANARY)
    doctor = visitor(phi=True)
    doctor.raise_request_exception = False

    def broken(item, request):
        name = item.patient_name
        raise ValueError(f"cannot show {name}")

    monkeypatch.setattr(item_views, "story", broken)
    answer = doctor.get(f"/queue/200/?q={CANARY}", headers=headers)
    assert answer.status_code == 500
    told = web_log.read_text()
    assert "Internal Server Error: /queue/<int:item_id>/" in told and "ValueError" in told
    for text in (answer.content.decode(), told, *(message.body for message in mail.outbox)):
        assert CANARY not in text and "ZZCANARY" not in text
    seen("0 of 3 places (page, log, mail) hold the value")


def test_the_debug_page_is_off_unless_somebody_turns_it_on(settings):
    assert settings.DEBUG is False
    assert settings.CAPACITOR.debug is False
