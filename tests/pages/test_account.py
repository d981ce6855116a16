"""Logging in, out, and changing one's password."""

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from routing.models import AuditRecord
from tests.pages.people import HTMX, visitor, words

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


def log_in(client, password, to=""):
    return client.post(reverse("login"), {"username": "olga", "password": password, "next": to})


def test_a_person_logs_in_and_comes_to_the_page_that_was_asked_for(client):
    User.objects.create_user("olga", password=PASSWORD)
    assert log_in(client, PASSWORD, "/queue/?state=Failed").headers["Location"] == "/queue/?state=Failed"
    assert "_auth_user_id" in client.session


def test_the_login_sends_nobody_to_another_site(client):
    User.objects.create_user("olga", password=PASSWORD)
    assert log_in(client, PASSWORD, "https://evil.example/").headers["Location"] == reverse("dashboard")


def test_five_wrong_passwords_lock_this_user_at_this_address(client):
    User.objects.create_user("olga", password=PASSWORD)
    for _ in range(5):
        log_in(client, "wrong")
    answer = log_in(client, PASSWORD)
    assert answer.status_code == 429
    assert "an administrator can end the lock" in answer.content.decode()
    assert "_auth_user_id" not in client.session


def test_a_name_that_is_longer_than_any_is_refused_in_words(client):
    answer = client.post(reverse("login"), {"username": "o" * 400, "password": PASSWORD})
    assert (answer.status_code, "at most 150 characters" in words(answer)) == (200, True)
    # PostgreSQL takes no such name, and the log-in was an error of the server.
    assert not AccessAttempt.objects.exists()


def test_a_fragment_of_an_ended_session_sends_the_whole_page_to_the_login(client):
    headers = {**HTMX, "HX-Current-URL": "http://testserver/queue/?state=Failed"}
    answer = client.get("/queue/", headers=headers, follow=True)
    assert answer.headers["HX-Redirect"] == "/login/?next=%2Fqueue%2F%3Fstate%3DFailed"


def test_logging_out_ends_the_session_and_needs_a_post():
    client = visitor()
    assert client.get(reverse("logout")).status_code == 405
    assert client.post(reverse("logout")).headers["Location"] == reverse("login")
    assert client.get(reverse("queue")).status_code == 302


def test_a_person_changes_the_password():
    client = visitor()
    user = User.objects.get()
    user.set_password(PASSWORD)
    user.save()
    client.force_login(user)
    new = {"old_password": PASSWORD, "new_password1": "staple of the battery", "new_password2": "staple of the battery"}
    answer = client.post(reverse("password_change"), new, follow=True)
    assert "Your password has been changed." in answer.content.decode()
    user.refresh_from_db()
    assert user.check_password("staple of the battery")


def test_a_weak_password_is_refused_with_its_reason():
    client = visitor()
    user = User.objects.get()
    user.set_password(PASSWORD)
    user.save()
    client.force_login(user)
    new = {"old_password": PASSWORD, "new_password1": "short", "new_password2": "short"}
    assert "at least 12 characters" in client.post(reverse("password_change"), new).content.decode()


def test_wrong_old_passwords_are_counted_and_told_as_at_the_log_in():
    user = User.objects.create_user("olga", password=PASSWORD)
    client = Client(REMOTE_ADDR="192.0.2.7")
    client.force_login(user)
    guess = {
        "old_password": "guessed",
        "new_password1": "staple of the battery",
        "new_password2": "staple of the battery",
    }
    for _ in range(4):
        assert "entered incorrectly" in client.post(reverse("password_change"), guess).content.decode()
    for old in ("guessed", PASSWORD):
        answer = client.post(reverse("password_change"), {**guess, "old_password": old})
        assert answer.status_code == 429
        assert "Too many attempts" in answer.content.decode()
    user.refresh_from_db()
    assert user.check_password(PASSWORD)
    told = AuditRecord.objects.filter(action="change password").values_list("actor", "object", "outcome", "address")
    assert set(told) == {("olga", "olga", "failed", "192.0.2.7")}


def test_the_administration_has_no_page_of_its_own_for_it():
    answer = visitor("administrator").get("/admin/password_change/")
    assert answer.headers["Location"] == reverse("password_change")
