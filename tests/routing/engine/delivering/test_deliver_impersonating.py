"""How nodes are treated that are called with the AE titles of the original senders."""

import pytest

from tests.routing.dicom.nodes import ScriptedNode, scripted_node
from tests.routing.dicom.peers import CT_IMAGE, EXPLICIT, MR_IMAGE
from tests.routing.engine.delivering.delivery import delivery, node, states, status, storage_node

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


def test_a_node_that_impersonates_is_called_with_each_senders_title_over_one_association_each(tmp_path):
    with storage_node() as pacs, delivery(tmp_path) as running:
        pacs_node = node(pacs.port, impersonate=True, max_associations=1)
        titles = ["CT_1", "MR_1", "CT_1", "MR_1"]
        items = [running.image(pacs_node, source_ae_title=title) for title in titles]
        running.rest()
    assert states(*items) == ["Delivered"] * 4
    came = {arrival.sop_instance_uid: arrival.calling_ae_title for arrival in pacs.arrived}
    assert came == {item.sop_instance_uid: title for item, title in zip(items, titles, strict=True)}
    assert pacs.requested == ["CT_1", "MR_1"]


def test_a_calling_title_that_is_refused_rejects_only_its_own_images(tmp_path):
    def script(peer: ScriptedNode) -> None:
        body = peer.receive()[1]
        if b"CT_1" in body[20:36]:
            peer.send(bytes((3, 0, 0, 0, 0, 4, 0, 1, 1, 3)))
        else:
            peer.is_closed()

    with scripted_node(script) as port, delivery(tmp_path, acse_timeout=0.2) as running:
        pacs = node(port, impersonate=True, max_associations=1)
        refused, other = running.image(pacs, source_ae_title="CT_1"), running.image(pacs, source_ae_title="MR_1")
        running.rest()
    assert states(refused, other) == ["Rejected", "Prepared"]
    for item in (refused, other):
        item.refresh_from_db()
        assert (item.attempt_count, item.lease_owner) == (1, ""), "nobody is forgotten in a worker's hands"
    assert "calling AE title not recognized" in refused.last_error


@pytest.mark.parametrize(("impersonate", "failures"), [(True, 0), (False, 1)])
def test_a_calling_title_that_is_refused_is_a_failure_of_the_node_only_where_all_images_have_it(
    tmp_path, impersonate, failures
):
    def script(peer: ScriptedNode) -> None:
        peer.receive()
        peer.send(bytes((3, 0, 0, 0, 0, 4, 0, 1, 1, 3)))

    with scripted_node(script) as port, delivery(tmp_path) as running:
        pacs = node(port, impersonate=impersonate)
        refused = running.image(pacs, source_ae_title="CT_1")
        running.rest()
    assert states(refused) == ["Rejected"]
    assert (status(pacs).failures_in_a_row, status(pacs).not_before is not None) == (failures, bool(failures))
    assert "calling AE title not recognized" in status(pacs).last_error


def test_what_is_urgent_goes_first_whoever_sent_it(tmp_path):
    contexts = [(CT_IMAGE, EXPLICIT), (MR_IMAGE, EXPLICIT)]
    with storage_node(contexts=contexts) as pacs, delivery(tmp_path) as running:
        pacs_node = node(pacs.port, impersonate=True, sop_class_priorities=[MR_IMAGE], max_associations=1)
        sent = [(CT_IMAGE, "A"), (MR_IMAGE, "A"), (CT_IMAGE, "B"), (CT_IMAGE, "A"), (MR_IMAGE, "B"), (MR_IMAGE, "A")]
        items = [running.image(pacs_node, sop_class_uid=kind, source_ae_title=title) for kind, title in sent]
        running.rest()
    assert pacs.instances == [items[place].sop_instance_uid for place in (1, 5, 4, 0, 3, 2)]
    assert pacs.requested == ["A", "B", "A", "B"]


def test_a_node_that_does_not_know_its_own_title_has_failed_whoever_calls_it(tmp_path):
    def script(peer: ScriptedNode) -> None:
        peer.receive()
        peer.send(bytes((3, 0, 0, 0, 0, 4, 0, 1, 1, 7)))

    with scripted_node(script) as port, delivery(tmp_path) as running:
        pacs = node(port, impersonate=True)
        refused, other = running.image(pacs, source_ae_title="CT_1"), running.image(pacs, source_ae_title="MR_1")
        running.rest()
    # What another sender has waits for the back-off, as all would that the node rejected without impersonation.
    assert states(refused, other) == ["Rejected", "Prepared"]
    assert status(pacs).failures_in_a_row == 1
    assert "called AE title not recognized" in status(pacs).last_error
