"""An error of our own, with patient data at hand: neither page nor log nor mail tells a value."""

import logging
from urllib.parse import quote

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from routing.processes import application_log
from routing.views import item as item_views
from scripts_app.models import ScriptDraft
from tests.pages.busy_router import busy_router
from tests.pages.people import HTMX, visitor, words

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


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("script_entry_new", {"script": "print('a\0b')", "enabled": "on"}),
        ("script_library_new", {"path": "a.lua", "source": "-- \0"}),
        ("script_activate", {"reason": "because\0"}),
        ("script_capture", {"name": "next\0", "deidentify": "on"}),
        ("script_entry_new", {"script": "x = 1", "c_tag": ["Modality"] * 10_000}),
    ],
)
def test_a_form_that_no_database_takes_is_refused_in_words(name, fields):
    author = visitor("script author")
    answer = author.post(reverse(name), fields)
    assert (answer.status_code, "Nothing was changed" in words(answer)) == (400, True)
    assert not ScriptDraft.objects.exists()


@pytest.mark.parametrize("address", ["/studies/1.2\0/", "/studies/\0/"])
def test_an_address_with_a_nul_character_leads_nowhere(address):
    client = visitor()
    with CaptureQueriesContext(connection) as asked:
        assert client.get(quote(address)).status_code == 404
    # PostgreSQL takes no such value.
    assert not any("queueitem" in query["sql"] for query in asked)


def test_a_name_that_the_site_does_not_go_by_is_told_as_that():
    answer = visitor().get("/", headers={"host": "<b>router.example"})
    assert answer.status_code == 400
    assert "CAPACITOR_ALLOWED_HOSTS" in words(answer) and "NUL" not in words(answer)
    assert "<b>" not in answer.content.decode()


def test_who_is_not_logged_in_has_no_form_read(client):
    assert client.post(reverse("script_activate"), {"reason": "\0"}).status_code == 302
