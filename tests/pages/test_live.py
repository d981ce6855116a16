"""The tick: a commit of any other process reaches every page that is open, and nobody else."""

import asyncio
import contextlib
import sqlite3

import pytest
from asgiref.sync import async_to_sync
from channels.layers import channel_layers, get_channel_layer
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.test import Client

from capacitor_web.asgi import application
from routing import live
from routing.consumers import LiveConsumer
from tests.builders import queue_item
from tests.pages.people import person

ORIGIN = (b"origin", b"http://localhost")


@pytest.fixture(autouse=True)
def own_watcher(monkeypatch):
    """A watcher whose task belongs to this test's event loop."""
    watcher = live.Watcher()
    monkeypatch.setattr("routing.consumers.watcher", watcher)
    channel_layers.backends.clear()
    return watcher


def written(path):
    """Commit something, as another process would."""
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO t VALUES (1)")
    connection.close()


@pytest.fixture
def database(tmp_path, monkeypatch):
    path = tmp_path / "db.sqlite3"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE t (n)")
    connection.close()

    @contextlib.contextmanager
    def fingerprint():
        with live.sqlite_fingerprint(path) as look:
            yield look, 0.01

    monkeypatch.setattr(live, "fingerprint", fingerprint)
    monkeypatch.setattr(live, "TICK_EVERY", 0.01)
    return path


def test_the_number_changes_with_a_commit_of_another_connection_and_only_then(database):
    async def looks():
        with live.sqlite_fingerprint(database) as look:
            before, again = await look(), await look()
            written(database)
            return before, again, await look()

    before, again, after = async_to_sync(looks)()
    assert before == again != after


@pytest.mark.django_db
def test_other_databases_are_asked_for_their_newest_rows():
    before = live._newest_rows()
    assert live._newest_rows() == before
    queue_item()
    assert live._newest_rows() != before


def test_a_commit_becomes_a_tick_for_the_group(database, monkeypatch):
    async def run():
        looked = asyncio.Event()

        @contextlib.contextmanager
        def fingerprint():
            with live.sqlite_fingerprint(database) as look:

                async def noticed():
                    number = await look()
                    looked.set()
                    return number

                yield noticed, 0.01

        monkeypatch.setattr(live, "fingerprint", fingerprint)
        layer, watcher = get_channel_layer(), live.Watcher()
        await layer.group_add(live.GROUP, "page")
        watcher.enter()
        await asyncio.wait_for(looked.wait(), 5)
        written(database)
        message = await asyncio.wait_for(layer.receive("page"), 5)
        task = watcher._task
        watcher.leave()
        await asyncio.gather(task, return_exceptions=True)
        return message, task.cancelled()

    assert async_to_sync(run)() == ({"type": "changed"}, True)


def test_the_last_change_is_told_again_once_shared_answers_have_run_out(monkeypatch):
    answers = iter([1, 2])

    async def look():
        return next(answers, 2)

    monkeypatch.setattr(live, "fingerprint", lambda: contextlib.nullcontext((look, 0)))
    monkeypatch.setattr(live, "TICK_EVERY", 0)
    monkeypatch.setattr(live, "TOLD_AGAIN_AFTER", (0, 0))

    async def run():
        layer, watcher = get_channel_layer(), live.Watcher()
        await layer.group_add(live.GROUP, "page")
        watcher.enter()
        messages = [await asyncio.wait_for(layer.receive("page"), 5) for _ in range(3)]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(layer.receive("page"), 0.05)
        task = watcher._task
        watcher.leave()
        await asyncio.gather(task, return_exceptions=True)
        return messages

    assert async_to_sync(run)() == [{"type": "changed"}] * 3


def test_a_database_that_fails_at_the_first_look_does_not_end_the_live_pages(monkeypatch, caplog):
    looks = iter([RuntimeError("away"), 1])

    async def look():
        found = next(looks, 1)
        if isinstance(found, Exception):
            raise found
        return found

    @contextlib.contextmanager
    def fingerprint():
        yield look, 0.01

    async def run():
        monkeypatch.setattr(live, "fingerprint", fingerprint)
        monkeypatch.setattr(live, "TICK_EVERY", 0.01)
        layer, watcher = get_channel_layer(), live.Watcher()
        await layer.group_add(live.GROUP, "page")
        watcher.enter()
        # What has changed since the page was drawn is not known: it is told to look.
        message = await asyncio.wait_for(layer.receive("page"), 5)
        watcher.leave()
        return message

    assert async_to_sync(run)() == {"type": "changed"}
    assert "trying again" in caplog.text


def test_a_database_that_fails_does_not_end_the_live_pages(database, monkeypatch, caplog):
    answers = iter([1, sqlite3.DatabaseError("synthetic"), 2])

    async def look():
        answer = next(answers, 2)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(live, "fingerprint", lambda: contextlib.nullcontext((look, 0)))

    async def run():
        layer, watcher = get_channel_layer(), live.Watcher()
        await layer.group_add(live.GROUP, "page")
        watcher.enter()
        message = await asyncio.wait_for(layer.receive("page"), 5)
        task = watcher._task
        watcher.leave()
        await asyncio.gather(task, return_exceptions=True)
        return message

    assert async_to_sync(run)() == {"type": "changed"}
    assert "trying again" in caplog.text


def connect(cookie="", origin=ORIGIN):
    headers = [(b"host", b"localhost"), *([origin] if origin else []), (b"cookie", cookie.encode())]
    return WebsocketCommunicator(application, "/ws/live/", headers)


@pytest.mark.django_db
def test_nobody_listens_without_logging_in():
    async def run():
        page = connect()
        return (await page.connect())[0]

    assert async_to_sync(run)() is False


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("origin", [(b"origin", b"https://evil.example"), None])
def test_a_page_of_another_site_cannot_listen_with_this_sites_cookie(origin):
    client = Client()
    client.force_login(person("nobody"))
    cookie = f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"

    async def run():
        return (await connect(cookie, origin).connect())[0]

    assert async_to_sync(run)() is False


@pytest.mark.django_db(transaction=True)
def test_a_page_hears_that_something_changed_and_nothing_more(own_watcher, database):
    class User:
        is_authenticated = True
        pk = 1

    async def run():
        page = WebsocketCommunicator(LiveConsumer.as_asgi(), "/ws/live/")
        page.scope["user"] = User()
        assert (await page.connect())[0]
        await page.send_to(text_data="<b>anything</b>")
        await get_channel_layer().group_send(live.GROUP, {"type": "changed"})
        heard = await page.receive_from(timeout=5)
        watching = own_watcher._task
        await page.disconnect()
        return heard, watching is not None, own_watcher._task

    assert async_to_sync(run)() == ("changed", True, None)
