"""0x0111, duplicate SOP instance: it means Delivered where the image may be there already, and only there."""

import pytest
from django.utils import timezone

from routing.core.states import QueueEvent
from routing.models import Attempt, Node, QueueItem
from routing.queue.record import record_for
from tests.ports import free_port
from tests.routing.dicom.nodes import scripted_node
from tests.routing.dicom.peers import PATIENCE
from tests.routing.engine.delivering.delivery import back_off_is_over, delivery, node, states, storage_node

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


def unanswered_then_there(event, number):
    """A node that says nothing to the first C-STORE, and to others that it has the instance (0x0111)."""
    if number == 1:
        event.assoc.abort()
    return 0x0111


@pytest.mark.fault(102)
def test_duplicate_sop_instance_after_an_unanswered_attempt_means_delivered(tmp_path):
    with storage_node(unanswered_then_there) as pacs, delivery(tmp_path) as running:
        item = running.image(node(pacs.port), prepared_at=timezone.now())
        running.rest()
        assert states(item) == ["Prepared"]
        back_off_is_over(item.node)
        running.rest()
    assert states(item) == ["Delivered"]


def gone_with_the_first_after_a_pause(*then):
    """How a node answers that takes one image, goes away with the next without a word, and then answers like this."""

    def answer(event, number):
        if number == 2:
            event.assoc.abort()
        return (0x0000, 0x0000, *then)[number - 1]

    return answer


def after_a_pause(running, port):
    """An image that met the end of an association which had rested."""
    pacs = node(port, max_associations=1)
    running.image(pacs)
    running.rest()
    item = running.image(pacs, prepared_at=timezone.now())
    running.rest()
    return item


def tried_again_after_a_pause(running, port):
    """Such an image that stayed Prepared, and was tried once more."""
    item = after_a_pause(running, port)
    assert states(item) == ["Prepared"]
    back_off_is_over(item.node)
    running.rest()
    return item


def test_duplicate_sop_instance_means_delivered_also_where_both_are_one_attempt(tmp_path):
    """A node may go away with the first image after a pause, having stored it: that is sent again at once."""
    answer = gone_with_the_first_after_a_pause(0x0111)
    with storage_node(answer) as pacs, delivery(tmp_path, idle_association=PATIENCE) as running:
        item = after_a_pause(running, pacs.port)
    item.refresh_from_db()
    assert (item.state, item.attempt_count, item.last_status) == ("Delivered", 1, 0x0111)
    assert len(pacs.arrived) == 3


def test_what_went_twice_within_one_attempt_is_told_so_since_it_may_have_arrived_twice(tmp_path):
    answer = gone_with_the_first_after_a_pause(0x0000)
    with storage_node(answer) as pacs, delivery(tmp_path, idle_association=PATIENCE) as running:
        item = after_a_pause(running, pacs.port)
    assert [arrival.sop_instance_uid for arrival in pacs.arrived[1:]] == [item.sop_instance_uid] * 2
    first, second = item.attempts.all()
    assert (first.answer, first.status, second.answer, second.status) == ("deferred", None, "delivered", 0)
    assert "association aborted" in first.error
    item.refresh_from_db()
    # The node's right, and nobody's failure: one try of those that a node may have.
    assert (item.state, item.attempt_count, item.last_error) == ("Delivered", 1, "")


def test_duplicate_sop_instance_means_delivered_also_where_the_node_was_short_of_something_in_between(tmp_path):
    """It stored the image and went away, had no room when it came again at once, and then finds that it has it."""
    answer = gone_with_the_first_after_a_pause(0xA700, 0x0111)
    with storage_node(answer) as pacs, delivery(tmp_path, idle_association=PATIENCE) as running:
        item = tried_again_after_a_pause(running, pacs.port)
    assert states(item) == ["Delivered"]


def test_duplicate_sop_instance_means_delivered_also_where_no_second_association_could_be_had(
    tmp_path,
):
    connections = []

    def script(peer):
        connections.append(peer)
        if len(connections) == 2:
            peer.turn_away()
            return
        peer.accept()
        request, _ = peer.receive_store()
        if len(connections) == 1:
            peer.respond(request)
            # Stored as well, and then the node goes away.
            peer.receive_store()
            return
        peer.respond(request, status=0x0111)
        peer.answer_release()

    with scripted_node(script) as port, delivery(tmp_path, idle_association=PATIENCE) as running:
        item = tried_again_after_a_pause(running, port)
    item.refresh_from_db()
    assert (item.state, item.last_status) == ("Delivered", 0x0111)


@pytest.mark.parametrize("happening", [QueueEvent.REDIRECTED, QueueEvent.PREPARE_AGAIN])
def test_duplicate_sop_instance_of_what_was_never_sent_there_is_a_refusal(tmp_path, happening):
    with storage_node(unanswered_then_there) as pacs, delivery(tmp_path) as running:
        item = running.image(node(pacs.port), prepared_at=timezone.now())
        running.rest()
        there = item.node
        if happening is QueueEvent.REDIRECTED:
            there = node(pacs.port, ae_title="OTHER")
        record_for(QueueItem.objects.all(), happening, actor="olga", columns={"node_id": there.pk})
        # As a preparation leaves it, by other scripts perhaps.
        if happening is QueueEvent.PREPARE_AGAIN:
            QueueItem.objects.update(state="Prepared", prepared_at=timezone.now())
        back_off_is_over(there)
        running.rest()
    assert states(item) == ["Rejected"]


def test_duplicate_sop_instance_after_an_attempt_that_never_reached_the_node_is_a_refusal(tmp_path):
    with storage_node(lambda event, number: 0x0111) as pacs, delivery(tmp_path) as running:
        there = node(free_port())
        item = running.image(there, prepared_at=timezone.now())
        running.rest()
        assert (states(item), Attempt.objects.get().status) == (["Prepared"], None)
        Node.objects.filter(pk=there.pk).update(port=pacs.port)
        back_off_is_over(there)
        running.rest()
    assert states(item) == ["Rejected"]


def test_duplicate_sop_instance_after_an_answer_that_refused_the_image_is_a_refusal(tmp_path):
    """The node said that it had not taken it: what it has under this UID is another image."""
    with storage_node(lambda event, number: (0xA700, 0x0111)[number - 1]) as pacs, delivery(tmp_path) as running:
        item = running.image(node(pacs.port), prepared_at=timezone.now())
        running.rest()
        assert (states(item), Attempt.objects.get().status) == (["Prepared"], 0xA700)
        back_off_is_over(item.node)
        running.rest()
    assert states(item) == ["Rejected"]
