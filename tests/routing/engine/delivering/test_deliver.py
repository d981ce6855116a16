"""What becomes of prepared items, over real associations: every row of decision D3."""

import threading
from types import SimpleNamespace

import pytest
from django.utils import timezone

from routing.core.states import QueueEvent
from routing.engine import pace
from routing.models import Attempt, HistoryEntry, ItemLogLine, Node, QueueItem
from routing.queue.record import record_for
from scripts_app.core.dataset.file_meta import read_file_meta
from scripts_app.core.dataset.recipe import Recipe
from tests.routing.dicom.peers import EXPLICIT, MR_IMAGE, dataset, running_scp
from tests.routing.dicom.test_dcmtk import storescp
from tests.routing.engine.delivering.delivery import (
    Held,
    back_off_is_over,
    delivery,
    node,
    states,
    status,
    storage_node,
)

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


def test_an_item_arrives_byte_for_byte_and_is_delivered(tmp_path):
    with running_scp(tmp_path / "pacs") as pacs, delivery(tmp_path) as running:
        pacs_node = node(pacs.port)
        item = running.image(pacs_node)
        running.rest()
        arrived = pacs.next()

        assert pacs.dataset(arrived) == dataset(item.sop_instance_uid)
        assert (arrived.calling_ae_title, arrived.called_ae_title) == ("CAPACITOR", "PACS")
        item.refresh_from_db()
        assert (item.state, item.attempt_count, item.last_status, item.last_error) == ("Delivered", 1, 0, "")
        assert (item.lease_owner, item.warning) == ("", False)
        assert running.journal == running.recorded == [item.id]
        attempt = Attempt.objects.get(item=item)
        assert (attempt.answer, attempt.status, attempt.transfer_syntax_uid) == ("delivered", 0, EXPLICIT)
        assert attempt.bytes_sent == len(dataset(item.sop_instance_uid))
        assert [str(entry) for entry in HistoryEntry.objects.filter(item=item)] == ["delivered: Prepared to Delivered"]
        assert (status(pacs_node).delivered, status(pacs_node).failures_in_a_row) == (1, 0)
        assert status(pacs_node).last_success_at is not None


def test_storescp_gets_every_image_of_a_batch_byte_for_byte(tmp_path):
    (tmp_path / "pacs").mkdir()
    with storescp(tmp_path / "pacs") as port, delivery(tmp_path) as running:
        pacs = node(port)
        items = [running.image(pacs) for _ in range(10)]
        running.rest()
    assert states(*items) == ["Delivered"] * 10
    written = [path.read_bytes() for path in (tmp_path / "pacs").iterdir()]
    datasets = [content[read_file_meta(content).dataset_offset :] for content in written]
    assert sorted(datasets) == sorted(dataset(item.sop_instance_uid) for item in items)


@pytest.mark.parametrize("size", [1 << 10, 9 << 20])
def test_an_image_of_odd_length_arrives_whole_with_a_byte_of_padding(tmp_path, size):
    """Also one that is too large to be read at once."""
    with storage_node() as pacs, delivery(tmp_path) as running:
        content = dataset("1.2.9", size)
        content += b"\x01" * (1 - len(content) % 2)
        item = running.image(node(pacs.port), content, sop_instance_uid="1.2.9")
        running.rest()
    item.refresh_from_db()
    assert (item.state, item.last_error) == ("Delivered", "")
    assert pacs.arrived[0].dataset == content + b"\0"


def test_what_a_script_edited_is_sent_as_its_recipe_says(tmp_path):
    content = dataset("1.2.3")
    with storage_node() as pacs, delivery(tmp_path) as running:
        item = running.recipe(node(pacs.port), Recipe(((0, 10), b"edited", (20, len(content)))), content)
        running.rest()
    assert states(item) == ["Delivered"]
    assert pacs.arrived[0].dataset == content[:10] + b"edited" + content[20:]


@pytest.mark.fault(102)
@pytest.mark.parametrize(
    ("answer", "state", "warning", "kind"),
    [
        (0x0000, "Delivered", False, "delivered"),
        (0xB000, "Delivered", True, "warning"),
        (0xB007, "Delivered", True, "warning"),
        (0x0107, "Delivered", True, "warning"),
        (0x0116, "Delivered", True, "warning"),
        (0xA700, "Prepared", False, "deferred"),
        (0xA7FF, "Prepared", False, "deferred"),
        (0x0110, "Prepared", False, "deferred"),
        (0x0213, "Prepared", False, "deferred"),
        (0xA900, "Rejected", False, "refused"),
        (0xC000, "Rejected", False, "refused"),
        (0xC123, "Rejected", False, "refused"),
        (0x0122, "Rejected", False, "refused"),
        (0x0124, "Rejected", False, "refused"),
        (0x0111, "Rejected", False, "refused"),
    ],
)
def test_an_answer_decides_the_state(tmp_path, answer, state, warning, kind):
    with storage_node(lambda event, number: answer) as pacs, delivery(tmp_path) as running:
        item = running.image(node(pacs.port))
        running.rest()
    item.refresh_from_db()
    assert (item.state, item.warning, item.last_status, item.attempt_count) == (state, warning, answer, 1)
    assert (item.not_before > timezone.now()) == (kind == "deferred")
    assert (f"0x{answer:04X}" in item.last_error) == bool(answer)
    assert [attempt.answer for attempt in Attempt.objects.filter(item=item)] == [kind]
    assert running.answers == ({item.id: answer} if state == "Delivered" else {})
    assert status(item.node).failed == (kind == "refused")
    assert status(item.node).failures_in_a_row == 0
    taken = state == "Delivered"
    assert (status(item.node).last_failure_at is None, status(item.node).last_error == "") == (taken, taken)


@pytest.mark.fault(100)
def test_a_refused_sop_class_is_rejected_by_name_and_the_next_item_goes_on(tmp_path):
    with storage_node() as pacs, delivery(tmp_path) as running:
        pacs_node = node(pacs.port)
        refused, welcome = running.image(pacs_node, sop_class_uid=MR_IMAGE), running.image(pacs_node)
        running.rest()
    assert states(refused, welcome) == ["Rejected", "Delivered"]
    refused.refresh_from_db()
    assert refused.last_error == (
        "PACS: the node does not accept SOP class MR Image Storage"
        " in Explicit VR Little Endian or Implicit VR Little Endian"
    )


def test_a_transient_refusal_is_followed_by_success(tmp_path):
    with storage_node(lambda event, number: 0xA700 if number == 1 else 0) as pacs, delivery(tmp_path) as running:
        item = running.image(node(pacs.port))
        running.rest()
        running.rest()
        assert (states(item), len(pacs.arrived)) == (["Prepared"], 1)
        back_off_is_over(item.node)
        running.rest()
    item.refresh_from_db()
    assert (item.state, item.attempt_count, item.last_error) == ("Delivered", 2, "")
    assert list(Attempt.objects.values_list("answer", flat=True)) == ["deferred", "delivered"]


def test_an_item_fails_when_its_attempts_are_used_up(tmp_path):
    with storage_node(lambda event, number: 0xA700) as pacs, delivery(tmp_path) as running:
        item = running.image(node(pacs.port, retry_attempts=2))
        running.rest()
        back_off_is_over(item.node)
        running.rest()
    item.refresh_from_db()
    assert (item.state, item.attempt_count) == ("Failed", 2)
    assert "gave up after 2 attempts" in HistoryEntry.objects.filter(item=item).last().note
    assert status(item.node).failed == 1


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda spool, item: spool.discard(item.id), "file missing"),
        (lambda spool, item: spool.path(item.id).write_bytes(b"short"), "5 bytes instead of"),
        (lambda spool, item: QueueItem.objects.filter(pk=item.pk).update(recipe=b"\x07"), "unknown part kind 7"),
        (
            lambda spool, item: QueueItem.objects.filter(pk=item.pk).update(recipe=Recipe(((0, 10**9),)).dumps()),
            "recipe reads up to 1000000000",
        ),
    ],
    ids=["missing", "truncated", "unreadable recipe", "recipe beyond the end"],
)
def test_an_unusable_file_fails_with_its_reason_in_the_log_and_the_next_item_goes_on(tmp_path, harm, words):
    with storage_node() as pacs, delivery(tmp_path) as running:
        pacs_node = node(pacs.port, max_associations=1)
        items = [running.image(pacs_node) for _ in range(3)]
        harm(running.spool, items[1])
        running.rest()
    assert states(*items) == ["Delivered", "Failed", "Delivered"]
    assert words in QueueItem.objects.get(pk=items[1].pk).last_error
    line = ItemLogLine.objects.get()
    assert (line.item_id, line.source, line.level) == (items[1].pk, "router", "error")
    assert words in line.text
    assert pacs.instances == [items[0].sop_instance_uid, items[2].sop_instance_uid]


@pytest.mark.fault(104)
def test_what_a_node_has_taken_is_noted_before_it_is_recorded(tmp_path):
    with storage_node() as pacs, delivery(tmp_path) as running:
        item = running.image(node(pacs.port))
        running.deliverer.step()
        while not running.journal:
            running.deliverer.idle(0.01)
        assert (running.journal, running.recorded, states(item)) == ([item.id], [], ["Prepared"])
        assert running.deliverer.busy
        running.rest()
    assert states(item) == ["Delivered"]


def test_while_images_are_under_way_the_next_wait_for_a_turn_unless_no_more_are_to_come(tmp_path, monkeypatch):
    monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic=lambda: 100.0))
    held, told = Held(), []
    with storage_node(held) as pacs, delivery(tmp_path, no_more=lambda: bool(told)) as running:
        pacs_node = node(pacs.port, max_associations=2)
        running.image(pacs_node)
        running.until(lambda: bool(pacs.arrived))
        second = running.image(pacs_node)
        assert not running.deliverer.step()
        assert not QueueItem.objects.get(pk=second.pk).lease_owner
        told.append("the stream has paused")
        assert running.deliverer.step()
        assert QueueItem.objects.get(pk=second.pk).lease_owner
        held.let_go()
        running.rest()
    assert len(pacs.instances) == 2


def test_a_wish_of_an_operator_is_carried_out_when_the_lease_ends(tmp_path):
    held = Held(0xA700)
    with storage_node(held) as pacs, delivery(tmp_path) as running:
        item = running.image(node(pacs.port))
        running.until(lambda: bool(pacs.arrived))
        record_for(QueueItem.objects.filter(pk=item.pk), QueueEvent.REJECTED_BY_OPERATOR, actor="olga")
        assert states(item) == ["Prepared"]
        held.let_go()
        running.rest()
    assert states(item) == ["Rejected"]


def test_a_wish_for_an_item_that_goes_back_untried_is_carried_out(tmp_path):
    held = Held()
    with storage_node(held) as pacs, delivery(tmp_path) as running:
        pacs_node = node(pacs.port, max_associations=1)
        items = [running.image(pacs_node) for _ in range(2)]
        running.until(lambda: bool(pacs.arrived))
        waiting = QueueItem.objects.filter(pk=items[1].pk)
        assert record_for(waiting, QueueEvent.REJECTED_BY_OPERATOR, actor="olga").pending == 1
        Node.objects.update(paused=True)
        running.deliverer.step()
        held.let_go()
        running.rest()
        assert states(*items) == ["Delivered", "Rejected"]
        assert waiting.values_list("lease_owner", "pending_state", "attempt_count").get() == ("", "", 0)
    rejected = HistoryEntry.objects.get(item=items[1])
    assert (rejected.actor, rejected.note) == ("operator", "asked for while the item was in progress")


def test_of_an_item_that_another_process_has_taken_meanwhile_nothing_is_recorded(tmp_path, caplog):
    held = Held()
    with storage_node(held) as pacs, delivery(tmp_path) as running:
        item = running.image(node(pacs.port))
        running.until(lambda: bool(pacs.arrived))
        QueueItem.objects.update(lease_owner="another")
        held.let_go()
        running.rest()
        assert (states(item), running.recorded) == (["Prepared"], [item.id])
    assert not Attempt.objects.exists() and not HistoryEntry.objects.exists()
    assert "1 items were taken from this process before their results were recorded" in caplog.text


def test_stop_lets_the_image_in_flight_finish_and_returns_the_others_uncounted(tmp_path):
    held = Held()
    with storage_node(held) as pacs, delivery(tmp_path) as running:
        pacs_node = node(pacs.port, max_associations=1)
        items = [running.image(pacs_node) for _ in range(3)]
        running.until(lambda: bool(pacs.arrived))
        threading.Timer(0.1, held.let_go).start()
        running.stop()
    assert states(*items) == ["Delivered", "Prepared", "Prepared"]
    assert [QueueItem.objects.get(pk=item.pk).attempt_count for item in items] == [1, 0, 0]
    assert not QueueItem.objects.exclude(lease_owner="").exists()
    assert len(pacs.arrived) == 1


def test_what_is_still_unanswered_when_the_process_must_stop_says_that_it_may_have_been_sent(tmp_path):
    held = Held()
    with storage_node(held) as pacs, delivery(tmp_path) as running:
        item = running.image(node(pacs.port))
        running.until(lambda: bool(pacs.arrived))
        running.stopped = True
        running.deliverer.stop(0.01)
        held.let_go()
    assert states(item) == ["Prepared"]
    assert "the image may have been sent already" in ItemLogLine.objects.get(item=item).text
