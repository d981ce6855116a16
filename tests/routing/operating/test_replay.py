"""A replay: the received image meets the scripts once more, as an item of its own that names the one it repeats."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from routing.core.states import QueueEvent
from routing.engine.housekeeping.retention import purge_files
from routing.engine.housekeeping.traffic import TrafficCounter
from routing.models import HistoryEntry, PrepareReport, QueueItem, TrafficMinute
from routing.operating.replay import replay_for
from routing.queue.record import record_for
from scripts_app.models import LuaEntry
from tests.builders import lua_entry, node, queue_item
from tests.routing.engine.preparing.preparation import Preparation, copies_of, item

pytestmark = pytest.mark.django_db


def replayed(*originals: QueueItem, note: str = "") -> list[QueueItem]:
    _, made = replay_for(QueueItem.objects.filter(pk__in=[one.pk for one in originals]), actor="olga", note=note)
    return [item(pk) for pk in made]


def finished(original: QueueItem, state: str = "Delivered") -> QueueItem:
    QueueItem.objects.filter(pk=original.pk).update(state=state, finished_at=timezone.now(), lease_owner="")
    return item(original.pk)


def test_a_replay_starts_from_what_the_modality_sent_and_meets_the_rules_of_today(tmp_path: Path) -> None:
    node("PACS"), node("AI")
    work = Preparation(tmp_path)
    old = lua_entry("dataset:Set('PatientID', 'FIRST') dataset:Set('StudyInstanceUID', '9.9')")
    first = finished(work.prepared())
    assert (first.patient_id, first.study_instance_uid) == ("FIRST", "9.9")
    LuaEntry.objects.filter(pk=old.pk).update(script="dataset:Set('AccessionNumber', 'B-2') route:Add('AI')")
    [again] = replayed(first)
    assert (again.state, again.replay_of, again.received_id, again.is_copy) == ("New", first.pk, first.pk, False)
    assert work.step() == 1
    again = item(again.pk)
    assert (again.state, again.patient_id, again.accession_number) == ("Prepared", "T-1", "B-2")
    assert again.study_instance_uid == "1.2.3"
    assert PrepareReport.objects.filter(item=again).count() == 1
    assert item(first.pk).patient_id == "FIRST"
    copy = QueueItem.objects.get(destination_ae_title="AI")
    assert (copy.copied_from, copy.received_id, copy.is_copy, copy.decided_in) == (again.pk, first.pk, True, again.pk)
    assert set(copies_of(first)) == {"PACS", "AI"}


def test_both_histories_name_the_other_and_the_repeated_item_stays_as_it_is() -> None:
    node("PACS")
    first = queue_item("Rejected", last_error="0xA900")
    [again] = replayed(first, note="fixed script")
    assert list(HistoryEntry.objects.filter(item=first).values_list("event", "from_state", "to_state", "note")) == [
        ("replayed", "Rejected", "Rejected", f"as item {again.pk}: fixed script")
    ]
    assert list(HistoryEntry.objects.filter(item=again).values_list("event", "from_state", "to_state", "note")) == [
        ("replay", "", "New", f"of item {first.pk}: fixed script")
    ]
    assert item(first.pk).updated_at == first.updated_at


def test_what_called_the_router_itself_is_for_the_scripts_again_wherever_it_was_sent_meanwhile() -> None:
    [again] = replayed(queue_item("Delivered", called_ae_title="CAPACITOR", node=node("OTHER")))
    assert (again.destination_ae_title, again.node) == ("CAPACITOR", None)


@pytest.mark.parametrize("state", ["New", "Prepared"])
def test_what_is_still_on_its_way_is_not_replayed(state: str) -> None:
    assert replayed(queue_item(state)) == []


def test_copies_and_items_without_their_file_are_not_replayed() -> None:
    first = queue_item("Delivered", purged_at=timezone.now())
    assert replayed(first, queue_item("Delivered", received_id=first.pk)) == []


def test_a_replay_can_be_prepared_again_and_replayed_itself() -> None:
    node("PACS")
    [again] = replayed(queue_item("Delivered"))
    again = finished(again, "Failed")
    [third] = replayed(again)
    assert (third.replay_of, third.received_id) == (again.pk, again.received_id)
    assert record_for(QueueItem.objects.filter(pk=again.pk), QueueEvent.PREPARE_AGAIN, actor="olga").moved == 1


def test_a_replay_goes_where_the_called_title_leads_today_or_else_where_its_item_went() -> None:
    pacs, other = node("PACS"), node("OTHER", aliases=["OLD_PACS"])
    moved = queue_item("Delivered", called_ae_title="OLD_PACS", node=pacs)
    lost = queue_item("Delivered", called_ae_title="NOBODY", node=pacs)
    by_alias, as_before = replayed(moved, lost)
    assert (by_alias.destination_ae_title, by_alias.node_id) == ("OTHER", other.pk)
    assert (as_before.destination_ae_title, as_before.node_id) == ("PACS", pacs.pk)


def test_the_received_file_stays_while_a_replay_needs_it(tmp_path: Path) -> None:
    node("PACS")
    work = Preparation(tmp_path)
    first = finished(work.prepared())
    replayed(first)
    QueueItem.objects.filter(pk=first.pk).update(finished_at=timezone.now() - timedelta(days=9))
    assert purge_files(work.spool, work.files, timedelta(days=1)) == 0
    QueueItem.objects.filter(replay_of=first.pk).update(state="Dropped", finished_at=timezone.now() - timedelta(days=9))
    assert purge_files(work.spool, work.files, timedelta(days=1)) == 1


def test_a_replay_does_not_count_as_received() -> None:
    node("PACS")
    replayed(queue_item("Delivered"))
    counter = TrafficCounter()
    counter.step()
    while counter.step():
        pass
    assert not TrafficMinute.objects.filter(received__gt=0).exists()
