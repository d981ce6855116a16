"""What two do at the same moment: PostgreSQL lets both begin, and the later one has to see what the earlier did."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.test import Client
from django.utils import timezone

from capacitor_web.backends import limit_waits
from routing.configuration.agreement import PlanMoved
from routing.configuration.apply import import_directory
from routing.core.states import QueueEvent, QueueState
from routing.engine.nodes.status import News, record_news
from routing.engine.nodes.target import DeliverySettings, target_of
from routing.models import KnownSender, Node, OperatorAction, QueueItem
from routing.operating.operator_actions import Action, perform
from routing.operating.undo import undo
from routing.queue.record import Move, record
from scripts_app.activation import activate, stored_collection
from scripts_app.core.collection import Collection
from scripts_app.draft import activate_draft, change, working
from scripts_app.models import LuaEntry, ScriptDraft, ScriptRevision
from scripts_app.renamed import rename_destination
from scripts_app.revision import hold
from tests.builders import lua_entry, node, queue_item
from tests.pages.filled_form import filled_form
from tests.routing.administration import administrators

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite lets nobody else begin"),
]

boss = administrators.boss
PLACES = ["/nodes/{}/", "/admin/routing/node/{}/change/"]


def at_once(first: Callable[[], Any], second: Callable[[], Any], then: Callable[[], Any] = int) -> None:
    """Do the second in a connection of its own until it has to wait for the first, which goes on only ``then``."""
    failed: list[BaseException] = []

    def do_second() -> None:
        try:
            second()
        except BaseException as error:
            failed.append(error)
        finally:
            connections.close_all()

    later = threading.Thread(target=do_second)
    with transaction.atomic():
        first()
        later.start()
        while later.is_alive() and not somebody_waits():
            pass
        then()
    later.join(30)
    assert not later.is_alive() and failed == []


def somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted)")
        return bool(cursor.fetchone()[0])


def directory(root: Path, *names: str) -> Path:
    root.mkdir()
    (root / "config.yml").write_text("filters: lua\n")
    (root / "lua.yml").write_text("".join(f"- Description: {name}\n  Script: print('{name}')\n" for name in names))
    return root


def collection(*names: str) -> Collection:
    """Entries of these names, each with a script that no other has."""
    rest = {"enabled": True, "conditions": [], "ae_titles": [], "on_error": "skip"}
    entries = [{"key": name, "description": name, "script": f"print('{name} {names}')", **rest} for name in names]
    return {"entries": entries, "libraries": {}}


@pytest.mark.parametrize("nothing_before", [False, True])
def test_of_two_imports_the_later_one_makes_of_the_earlier_what_its_directory_says(
    tmp_path: Path, nothing_before: bool
) -> None:
    import_directory(directory(tmp_path / "before", "A"), actor="olga")
    if nothing_before:
        LuaEntry.objects.all().delete()
        ScriptRevision.objects.all().delete()
    one, two = directory(tmp_path / "one", "A", "B", "C"), directory(tmp_path / "two", "A", "B", "D")
    at_once(lambda: import_directory(one, actor="olga"), lambda: import_directory(two, actor="karl"))
    assert [(row.position, row.description) for row in LuaEntry.objects.all()] == [(1, "A"), (2, "B"), (3, "D")]


def test_what_is_pressed_while_an_import_is_planned_is_not_undone_by_who_has_not_seen_it(tmp_path: Path) -> None:
    root = directory(tmp_path / "site", "A")
    pacs = node("PACS")
    sender = KnownSender.objects.create(ae_title="CT1")
    (root / "nodes.yml").write_text("- AeTitle: PACS\n  HostName: pacs.example\n  Port: 104\n")
    (root / "senders.yml").write_text("- AeTitle: CT1\n  Description: the old one\n")
    seen = import_directory(root, actor="olga", only_plan=True).mark

    def press() -> None:
        Node.objects.update(paused=True)
        KnownSender.objects.update(enabled=False)

    def apply() -> None:
        with pytest.raises(PlanMoved):
            import_directory(root, actor="karl", agreed=seen)

    at_once(press, apply)
    pacs.refresh_from_db()
    sender.refresh_from_db()
    assert (pacs.paused, sender.enabled) == (True, False)


def test_of_two_activations_the_later_one_is_active_and_nothing_of_the_earlier() -> None:
    activate(collection("A", "B", "C"), "olga", "before")
    one, two = collection("A", "X", "B"), collection("Y", "A", "C")
    at_once(lambda: activate(one, "olga", "one"), lambda: activate(two, "karl", "two"))
    assert stored_collection() == two


def test_entries_that_become_active_while_their_node_is_renamed_follow_it() -> None:
    activate(collection("A"), "olga", "before")
    made = collection("B")
    made["entries"][0]["ae_titles"] = ["PACS"]
    at_once(lambda: activate(made, "olga", "for it"), lambda: rename_destination("PACS", "ARCHIVE", actor="karl"))
    assert [row.ae_titles for row in LuaEntry.objects.all()] == [["ARCHIVE"]]


@pytest.mark.parametrize("place", PLACES)
def test_an_import_and_a_node_that_is_renamed_do_not_wait_for_each_other(boss: Client, place: str) -> None:
    pacs = node("PACS")
    lua_entry("print('for it')", ae_titles=["PACS"])
    address = place.format(pacs.pk)
    form = filled_form(boss.get(address)) | {"ae_title": "ARCHIVE"}

    def lock_nodes() -> None:
        assert list(Node.objects.select_for_update()) == [pacs]

    # An import does it in these two steps.
    at_once(hold, lambda: boss.post(address, form), lock_nodes)
    pacs.refresh_from_db()
    assert (pacs.ae_title, LuaEntry.objects.get().ae_titles) == ("ARCHIVE", ["ARCHIVE"])


def test_a_draft_that_is_activated_and_a_node_that_is_renamed_do_not_wait_for_each_other() -> None:
    activate(collection("A"), "olga", "before")
    change("olga", lambda content: content.update(collection("B")))

    def lock_draft() -> None:
        assert len(ScriptDraft.objects.select_for_update()) == 1

    # A renaming does it in these two steps.
    at_once(hold, lambda: activate_draft(working().counter, "olga", "for it"), lock_draft)
    assert stored_collection() == collection("B")


def lock_timeout() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        return str(cursor.fetchone()[0])


def test_nobody_waits_without_end_for_what_somebody_has_locked() -> None:
    connection.close()
    assert lock_timeout() == "20s"


def test_a_limit_of_the_role_itself_stays() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '5s'")
    limit_waits(connection)
    assert lock_timeout() == "5s"
    connection.close()


@pytest.fixture
def two_items() -> tuple[QueueItem, QueueItem]:
    """Of a node, both in the hands of a worker."""
    pacs = node("PACS")
    one, two = (
        queue_item("Prepared", node=pacs, prepared_at=timezone.now(), lease_owner="host:1:test") for _ in range(2)
    )
    return one, two


def gives_way_after(time: str) -> None:
    """Who has waited for so long is the one that is ended, if there is a deadlock by then."""
    with connection.cursor() as cursor:
        # Of this transaction alone where there is one: the connection of the tests is used by others, too.
        cursor.execute(f"SET {'LOCAL' if connection.in_atomic_block else 'SESSION'} deadlock_timeout = '{time}'")


def recorded(item: QueueItem, event: QueueEvent = QueueEvent.DELIVERED) -> None:
    """As its worker does it, who in this test never gives way."""
    gives_way_after("1min")
    assert record([Move(item.pk, QueueState.PREPARED, event)], actor="delivery", owner="host:1:test")


put_off = partial(recorded, event=QueueEvent.DEFERRED)


def test_who_presses_a_button_is_not_the_one_to_give_way_to_a_worker(two_items: tuple[QueueItem, QueueItem]) -> None:
    """The worker has recorded the second item and comes to the first, which the person's transaction has locked."""
    one, two = two_items
    done: list[OperatorAction] = []

    def press() -> None:
        gives_way_after("3s")
        done.append(perform(Action.SEND_AGAIN, [one.pk, two.pk], actor="olga", scope="2 items"))

    at_once(lambda: recorded(two), press, lambda: recorded(one))
    assert (done[0].moved, done[0].untouched, OperatorAction.objects.count()) == (2, 0, 1)
    assert set(QueueItem.objects.values_list("state", flat=True)) == {"Prepared"}


def test_undo_comes_through_where_a_worker_records_the_same_items(two_items: tuple[QueueItem, QueueItem]) -> None:
    """It was over at once, with nothing put back, and pressed again it came too late."""
    one, two = two_items
    done = perform(Action.FAIL, [one.pk, two.pk], actor="olga", scope="2 items")
    assert done.pending == 2

    def press() -> None:
        gives_way_after("3s")
        undo(done)

    at_once(lambda: recorded(two), press, lambda: recorded(one))
    done.refresh_from_db()
    assert done.undone_at is not None
    assert set(QueueItem.objects.values_list("pending_state", flat=True)) == {""}


@pytest.mark.parametrize("place", PLACES)
def test_a_node_is_renamed_while_a_worker_records_what_is_queued_for_it(
    boss: Client, two_items: tuple[QueueItem, QueueItem], place: str
) -> None:
    """Two that stay queued: the worker puts them off, one after the other."""
    one, two = two_items
    address = place.format(one.node_id)
    form = filled_form(boss.get(address)) | {"ae_title": "ARCHIVE"}
    answers: list[int] = []

    def rename() -> None:
        gives_way_after("3s")
        answers.append(boss.post(address, form).status_code)

    at_once(lambda: put_off(two), rename, lambda: put_off(one))
    assert answers == [302]
    assert set(QueueItem.objects.values_list("destination_ae_title", flat=True)) == {"ARCHIVE"}


def test_images_come_in_for_a_node_while_a_failure_of_it_is_recorded() -> None:
    pacs, now, came = node("PACS"), timezone.now(), list[int]()
    news = [News(target_of(pacs, DeliverySettings()), failed=1, last_error="refused")]
    at_once(
        lambda: record_news(news, now), lambda: queue_item(node=pacs), lambda: came.append(QueueItem.objects.count())
    )
    assert came == [1]
