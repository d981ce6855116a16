"""What every answer carries."""

import re

import pytest
from django.db import InterfaceError, InternalError, OperationalError

from tests.pages.busy_router import busy_router
from tests.pages.people import visitor, words

pytestmark = pytest.mark.django_db


def test_a_page_is_kept_nowhere_and_runs_nothing_inline():
    busy_router()
    client = visitor()
    for place in ("/", "/queue/", "/queue/200/", "/nothing/", "/healthz"):
        answer = client.get(place)
        policy = answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store", place
        assert "unsafe" not in policy
        assert "default-src 'self'" in policy
        assert answer.headers["X-Frame-Options"] == "DENY"


def test_the_nonce_of_the_policy_is_the_one_of_the_scripts_and_never_the_same_twice():
    client = visitor()
    nonces = []
    for _ in range(2):
        answer = client.get("/queue/")
        (nonce,) = re.findall(r"script-src 'self' 'nonce-([^']+)'", answer.headers["Content-Security-Policy"])
        assert f'nonce="{nonce}"' in answer.content.decode()
        nonces.append(nonce)
    assert nonces[0] != nonces[1]


def test_htmx_is_told_to_evaluate_and_remember_nothing():
    page = visitor().get("/queue/").content.decode()
    for setting in ('"includeIndicatorStyles": false', '"allowEval": false', '"historyCacheSize": 0'):
        assert setting in page


def test_the_page_of_an_error_of_our_own_needs_no_database(client, settings, monkeypatch):
    from routing.views import dashboard

    def broken(sight):
        raise RuntimeError("synthetic")

    monkeypatch.setattr(dashboard, "situation", broken)
    visiting = visitor()
    visiting.raise_request_exception = False
    answer = visiting.get("/")
    assert answer.status_code == 500
    assert "Something broke here" in answer.content.decode()
    assert "synthetic" not in answer.content.decode()


def of_postgresql(state: str) -> InternalError:
    cause = Exception()
    cause.sqlstate = state
    error = InternalError("at 10.1.1.1")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("connection to server at 10.1.1.1 failed"),
        InterfaceError("connection to server at 10.1.1.1 failed"),
        of_postgresql("25006"),
        of_postgresql("25P03"),
    ],
    ids=["operational", "interface", "read-only", "ended for having been idle"],
)
def test_without_its_database_the_site_says_what_goes_on_and_what_waits(error, monkeypatch):
    from routing.views import dashboard

    def away(sight):
        raise error

    monkeypatch.setattr(dashboard, "situation", away)
    visiting = visitor()
    visiting.raise_request_exception = False
    answer = visiting.get("/")
    assert answer.status_code == 503
    told = words(answer)
    assert "The database does not answer" in told and "kept in the spool" in told
    assert "On a full disk they are refused" in told
    assert "10.1.1.1" not in told


def test_a_question_that_no_transaction_can_ask_any_more_is_an_error_of_our_own(monkeypatch):
    from routing.views import dashboard

    def wrong(sight):
        raise of_postgresql("25P02")

    monkeypatch.setattr(dashboard, "situation", wrong)
    visiting = visitor()
    visiting.raise_request_exception = False
    assert visiting.get("/").status_code == 500
