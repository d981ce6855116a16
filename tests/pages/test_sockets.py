"""Who may open the live socket, from which page, and when it is closed again."""

from collections import Counter

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from channels.layers import channel_layers
from django.contrib.auth.models import Group, User

from capacitor_web.same_origin import is_own
from routing import live
from tests.pages.people import person, visitor
from tests.pages.permission_table import LADDER
from tests.pages.sockets import socket
from tests.ports import free_port

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_watcher(monkeypatch):
    """A watcher whose task belongs to this test's event loop."""
    monkeypatch.setattr("routing.consumers.watcher", live.Watcher())
    monkeypatch.setattr("routing.consumers.LOOK_EVERY", 0.01)
    channel_layers.backends.clear()


def opened(page) -> bool:
    async def run():
        accepted, _ = await page.connect()
        await page.disconnect()
        return accepted

    return async_to_sync(run)()


@pytest.mark.fault(109, "the socket, opened by each role and by nobody")
def test_a_socket_is_for_those_who_are_logged_in(seen):
    answers = {role: opened(socket(None if role == "anonymous" else visitor(role))) for role in LADDER}
    assert answers == {role: role != "anonymous" for role in LADDER}
    seen(f"{len(answers)} of {len(answers)} sockets as in the table of rights", cells=len(answers))


ELSEWHERE = [
    *(None, "null", "", "https://evil.example", "http://evil.example", "http://localhost.evil.example"),
    *("http://localhost:8000", "https://localhost", "http://127.0.0.1", "file://", "http://localhost@evil.example"),
    *("javascript:alert(1)", "http://[::1", "http://localhost:x"),
]


@pytest.mark.fault(112, "origins: missing, null, other hosts, ports and schemes; also with ALLOWED_HOSTS = *")
@pytest.mark.parametrize("hosts", [["localhost"], ["*"]], ids=["hosts", "any host"])
def test_a_page_of_another_site_cannot_listen_with_this_sites_cookie(hosts, settings, seen):
    settings.ALLOWED_HOSTS = hosts
    client = visitor()
    assert [origin for origin in ELSEWHERE if opened(socket(client, origin))] == []
    assert opened(socket(client))
    seen(f"{len(ELSEWHERE)} of {len(ELSEWHERE)} foreign origins refused with ALLOWED_HOSTS={','.join(hosts)}")


def test_a_site_of_another_name_or_port_has_that_as_its_origin(settings):
    settings.ALLOWED_HOSTS = ["router.example", "[::1]"]

    def own(origin: str, host: str) -> bool:
        return is_own({b"origin": origin.encode(), b"host": host.encode()})

    assert own("http://router.example:8080", "router.example:8080")
    assert own("http://router.example", "router.example:80")
    assert own("http://[::1]:8080", "[::1]:8080")
    assert not own("http://router.example:8081", "router.example:8080")
    # A name that somebody else's DNS leads here.
    assert not own("http://rebound.example", "rebound.example")
    assert not own("http://router.example", "")


def test_a_proxy_that_changes_the_host_is_named_in_the_settings(settings):
    settings.CSRF_TRUSTED_ORIGINS = ["https://router.example"]
    assert is_own({b"origin": b"https://router.example", b"host": b"10.0.0.7:8080"})


def leave(client):
    client.post("/logout/")


def new_password(client):
    user = User.objects.get(username="the operator")
    user.set_password("another synthetic password")
    user.save()


def deactivated(client):
    User.objects.filter(username="the operator").update(is_active=False)


def other_role(client):
    User.objects.get(username="the operator").groups.set([Group.objects.get(name="viewer")])


def removed(client):
    User.objects.get(username="the operator").delete()


def too_old(client):
    session = client.session
    session["active_at"] -= 3600
    session.save()


ENDINGS = {leave: 4401, new_password: 4401, deactivated: 4401, removed: 4401, too_old: 4401, other_role: 4403}


@pytest.mark.fault(113, "log-out, new password, deactivation, removal, age, another role")
@pytest.mark.parametrize("end", ENDINGS, ids=lambda end: end.__name__)
def test_a_socket_is_closed_when_its_session_ends_or_the_rights_change(end, seen):
    person("operator")
    client = visitor("operator")
    client.get("/queue/")

    async def run():
        page = socket(client)
        assert (await page.connect())[0]
        await sync_to_async(end)(client)
        closed = await page.receive_output(timeout=10)
        await page.wait()
        return closed

    assert async_to_sync(run)() == {"type": "websocket.close", "code": ENDINGS[end]}
    seen(f"{end.__name__.replace('_', ' ')}: closed at the next look, which is every 30 s")


def test_one_person_opens_no_more_pages_than_one_person_can_look_at(monkeypatch):
    monkeypatch.setattr("routing.consumers.MOST_SOCKETS", 2)
    monkeypatch.setattr("routing.consumers._open", Counter())
    client, other = visitor("viewer"), visitor("operator")

    async def run():
        first = [socket(client) for _ in range(3)]
        answers = [(await page.connect())[0] for page in first]
        theirs = socket(other)
        answers.append((await theirs.connect())[0])
        await first[0].disconnect()
        again = socket(client)
        answers.append((await again.connect())[0])
        for page in (first[1], theirs, again):
            await page.disconnect()
        return answers

    assert async_to_sync(run)() == [True, True, False, True, True]


def test_a_redis_that_does_not_answer_is_named_by_its_setting_and_is_no_unexpected_error(settings, caplog):
    layer = "channels_redis.pubsub.RedisPubSubChannelLayer"
    hosts = [f"redis://127.0.0.1:{free_port()}/0"]
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": layer, "CONFIG": {"hosts": hosts}}}
    assert not opened(socket(visitor()))
    (told,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert told.message.startswith(
        "live pages: the server of REDIS_URL cannot be used: Error 111 connecting to 127.0.0.1"
    )
    assert told.exc_info is None
