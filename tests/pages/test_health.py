"""What load balancers and supervisors ask."""

from dataclasses import replace

import pytest
from django.db import OperationalError

from routing.people.sight import Sight
from routing.processes.start_report import start_report
from routing.showing.problems import problems
from routing.showing.service import Disk
from routing.spool.spool import Spool
from routing.views import health
from tests.builders import alive

ROLES = ("listener", "prepare", "deliver", "housekeep")
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def spool(settings, tmp_path):
    settings.CAPACITOR = replace(settings.CAPACITOR, data_dir=tmp_path)
    (tmp_path / "spool").mkdir()
    return tmp_path / "spool"


def missing(client):
    answer = client.get("/readyz")
    parts = {part: state for part, state in answer.json()["parts"].items() if state != "ok"}
    assert answer.status_code == (503 if parts else 200)
    assert answer.json()["status"] == ("not ready" if parts else "ready")
    return parts


def test_a_living_web_process_says_so_without_login(client):
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert client.post("/healthz").status_code == 405


@pytest.mark.parametrize("page", ["/healthz", "/readyz"])
def test_a_monitor_may_ask_an_address_that_is_no_name_of_the_site(client, settings, caplog, page):
    settings.ALLOWED_HOSTS = ["router.example"]
    for role in ROLES:
        alive(role)
    assert client.get(page, headers={"Host": "192.0.2.7:8080"}).status_code == 200
    assert not caplog.records
    assert client.get("/login/", headers={"Host": "192.0.2.7:8080"}).status_code == 400


def test_ready_is_database_spool_listener_and_worker(client):
    for role in ROLES:
        alive(role)
    assert missing(client) == {}


@pytest.mark.parametrize("role", ROLES)
def test_a_process_that_has_not_been_seen_for_30_seconds_is_missing(client, role):
    for each in ROLES:
        alive(each, ago=31 if each == role else 0)
    part = "listener" if role == "listener" else "worker"
    assert missing(client) == {part: f"no {role} process seen in the last 30 seconds"}


def test_a_spool_that_cannot_be_written_is_missing(client, spool):
    for role in ROLES:
        alive(role)
    spool.rmdir()
    assert missing(client) == {"spool": "unavailable (FileNotFoundError)"}


def test_a_database_that_is_away_is_named_without_its_address(client, monkeypatch):
    def away():
        raise OperationalError("could not connect to host db.example user capacitor")

    monkeypatch.setitem(health.PARTS, "database", away)
    for role in ROLES:
        alive(role)
    assert missing(client) == {"database": "unavailable (OperationalError)"}


def test_asking_leaves_nothing_in_the_spool(client, spool):
    client.get("/readyz")
    assert list(spool.iterdir()) == []


@pytest.mark.fault(85, "what the health page says while the spool, or the folder with all data, is unmounted")
@pytest.mark.parametrize("away", [[".spool"], [".spool", "../.has-spool"]])
def test_a_spool_that_is_not_mounted_is_said(client, spool, away):
    for role in ROLES:
        alive(role)
    Spool(spool, "none").mark()
    assert missing(client) == {}
    for sign in away:
        (spool / sign).unlink()
    assert missing(client) == {"spool": "gone: is its file system mounted?"}
    assert "The spool" in [problem.subject for problem in problems([], Disk(10, 10, 0), start_report(), Sight(True))]
