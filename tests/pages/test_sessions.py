"""How long a session lasts, who counts as asking, and what a wrong password costs whom."""

from urllib.parse import parse_qs, urlsplit

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from routing.models import AuditRecord
from routing.people import session_age
from tests.pages import permission_table as table
from tests.pages.busy_router import busy_router
from tests.pages.people import HTMX, visitor, words

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
IDLE = "X-Idle-Seconds"


class Clock:
    """Time that passes when a test says so."""

    def __init__(self, monkeypatch):
        self.now = 1_800_000_000.0
        monkeypatch.setattr(session_age.time, "time", lambda: self.now)

    def passes(self, minutes: float) -> None:
        self.now += 60 * minutes


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def logged_in(client) -> bool:
    answer = client.get("/queue/", headers={**HTMX, IDLE: "100000"})
    return answer.status_code == 200


@pytest.mark.fault(119, "a page that refreshes itself every 30 s in front of an empty chair")
def test_a_page_that_refreshes_itself_keeps_no_session_alive(clock, seen):
    client = visitor()
    client.get("/queue/")
    refreshes = 0
    while client.get("/queue/", headers={**HTMX, IDLE: str(30 * refreshes)}).status_code == 200:
        refreshes += 1
        clock.passes(0.5)
        assert refreshes < 100
    assert refreshes == 31
    assert client.get("/queue/").headers["Location"].startswith("/login/?next=")
    seen(f"logged out after {refreshes * 30} s and {refreshes} refreshes")


@pytest.mark.fault(119, "a browser that does not say how long nobody has touched it")
def test_a_fragment_that_does_not_say_when_somebody_was_active_renews_nothing(clock):
    client = visitor()
    client.get("/queue/")
    for _ in range(4):
        clock.passes(4)
        client.get("/queue/", headers=HTMX)
    assert not logged_in(client)


def test_whoever_reads_and_scrolls_stays_logged_in(clock):
    client = visitor()
    client.get("/queue/")
    for _ in range(20):
        clock.passes(10)
        assert client.get("/queue/", headers={**HTMX, IDLE: "5"}).status_code == 200
    assert logged_in(client)


@pytest.mark.parametrize("said", ["-5", "1e9", "٣", "", "9" * 40, "NaN"])
def test_a_strange_idle_time_renews_nothing(clock, said):
    client = visitor()
    client.get("/queue/")
    clock.passes(14)
    client.get("/queue/", headers={**HTMX, IDLE: said})
    clock.passes(2)
    assert not logged_in(client)


def test_a_page_asked_for_by_hand_is_activity(clock):
    client = visitor()
    for _ in range(5):
        assert client.get("/queue/").status_code == 200
        clock.passes(14)


def test_no_activity_keeps_a_session_longer_than_a_working_day(clock):
    client = visitor()
    for _ in range(12 * 6 + 1):
        assert client.get("/queue/").status_code == 200
        clock.passes(10)
    assert client.get("/queue/").status_code == 302


def test_a_wall_display_may_stay_logged_in_over_the_day(clock, settings):
    object.__setattr__(settings.CAPACITOR, "idle_seconds", 0)
    try:
        client = visitor()
        client.get("/queue/")
        clock.passes(600)
        assert logged_in(client)
    finally:
        object.__setattr__(settings.CAPACITOR, "idle_seconds", 900)


def test_logging_in_makes_a_new_session(client, settings):
    User.objects.create_user("olga", password=PASSWORD)
    client.session["planted"] = "x"
    client.session.save()
    planted = client.cookies[settings.SESSION_COOKIE_NAME].value
    client.post(reverse("login"), {"username": "olga", "password": PASSWORD})
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    assert cookie.value != planted
    assert cookie["httponly"] and cookie["samesite"] == "Lax"


@pytest.mark.fault(111, "every POST of the site without a token, as a form and as htmx")
def test_a_post_without_the_token_of_the_page_is_refused_everywhere(seen):
    busy_router()
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("root"))
    tried = 0
    for name, route in table.addresses():
        if not (table.rule(name) or ("", None))[1]:
            continue
        address = "/" + route.replace("<int:item_id>", "200").replace("$", "")
        address = address.partition("<")[0] + ("1/" if "<" in address else "")
        for headers in ({}, HTMX, {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}):
            answer = client.post(address, headers=headers)
            if answer.status_code == 404 and "<" in route:
                continue
            assert answer.status_code in (403, 405), f"{address}: {answer.status_code}"
            tried += 1
    assert tried > 150
    seen(f"{tried} of {tried} requests refused")


def test_what_is_sent_without_session_is_told_to_be_undone_and_noted(client):
    pressed = client.post("/queue/200/fail/", headers=HTMX)
    assert pressed.status_code == 401
    # The page stays: what somebody has written on it would be lost.
    assert "HX-Redirect" not in pressed.headers
    assert AuditRecord.objects.get(action="access").detail["status"] == 401
    sent = client.post("/scripts/entries/1/", follow=True)
    assert "what you sent was not taken" in words(sent)


@pytest.mark.parametrize(
    ("page", "shown"),
    [
        ("http://testserver/nodes/?x=a%20b&y=1", "/nodes/?x=a%20b&y=1"),
        ("http://elsewhere.example/nodes/", "/"),
        ("http://testserver//elsewhere.example/", "/"),
        ("no address: [", "/"),
        ("", "/"),
    ],
)
def test_after_the_log_in_comes_the_page_whose_form_was_not_taken(passwords, page, shown):
    client = Client(headers={"Referer": page} if page else {})
    asked = client.post("/queue/act/", {"action": "fail"})
    entered = client.post(asked.headers["Location"], {"username": "olga", "password": PASSWORD, "next": next_of(asked)})
    assert entered.headers["Location"] == shown


def next_of(answer):
    return parse_qs(urlsplit(answer.headers["Location"]).query)["next"][0]


def test_an_address_that_is_no_page_says_so():
    answer = visitor("operator").get("/queue/act/")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert "Buttons and forms send something to this address" in words(answer)
    # With another length browsers show an error of their own.
    assert int(answer.headers["Content-Length"]) == len(answer.content)


@pytest.fixture
def passwords():
    User.objects.create_user("olga", password=PASSWORD)
    User.objects.create_user("karl", password=PASSWORD)


def log_in(password: str, address: str, name: str = "olga", **headers: str) -> int:
    answer = Client(REMOTE_ADDR=address).post(
        reverse("login"), {"username": name, "password": password}, headers=headers
    )
    return answer.status_code


@pytest.mark.fault(118, "ten wrong passwords from one address, then the right one from there and from another")
def test_wrong_passwords_lock_out_nobody_else(passwords, seen):
    answers = [log_in("wrong", "192.0.2.7") for _ in range(10)]
    assert answers[:4] == [200] * 4 and set(answers[4:]) == {429}
    assert log_in(PASSWORD, "192.0.2.7") == 429
    assert log_in(PASSWORD, "192.0.2.8") == 302
    assert log_in(PASSWORD, "192.0.2.7", name="karl") == 302
    seen("locked from the 5th on; the same person elsewhere and others there log in")


def test_the_administrations_own_login_counts_the_same(passwords):
    for _ in range(5):
        Client(REMOTE_ADDR="192.0.2.7").post("/admin/login/", {"username": "olga", "password": "wrong"})
    assert log_in(PASSWORD, "192.0.2.7") == 429


def test_nobody_chooses_the_address_that_is_locked_or_written_down(passwords):
    for count in range(6):
        log_in("wrong", "192.0.2.7", **{"X-Forwarded-For": f"198.51.100.{count}"})
    assert log_in(PASSWORD, "192.0.2.7") == 429
    assert set(AccessAttempt.objects.values_list("ip_address", flat=True)) == {"192.0.2.7"}


@pytest.mark.parametrize(
    ("forwarded", "counted"),
    [
        ("198.51.100.9", "198.51.100.9"),
        ("203.0.113.66, 198.51.100.9", "198.51.100.9"),
        ("203.0.113.66, 198.51.100.9, 10.0.0.4", "198.51.100.9"),
        ("nonsense", "10.0.0.3"),
        ("198.51.100.9, <script>", "10.0.0.3"),
        ("", "10.0.0.3"),
    ],
)
def test_behind_known_proxies_the_visitor_is_who_the_outermost_saw(passwords, settings, forwarded, counted):
    object.__setattr__(settings.CAPACITOR, "trusted_proxies", ("10.0.0.0/24",))
    try:
        log_in("wrong", "10.0.0.3", **{"X-Forwarded-For": forwarded})
    finally:
        object.__setattr__(settings.CAPACITOR, "trusted_proxies", ())
    assert AccessAttempt.objects.get().ip_address == counted


def test_a_right_password_forgets_the_wrong_ones_before(passwords):
    for password in ("wrong", "wrong", "wrong", "wrong", PASSWORD, "wrong"):
        log_in(password, "192.0.2.7")
    assert log_in(PASSWORD, "192.0.2.7") == 302
