"""One association in use: the numbers of its messages, and its end in the middle of one."""

from pathlib import Path

import pytest

from routing.dicom import command
from routing.dicom.storage_scu import StorageAssociation
from routing.people.sight import MASK, Sight
from tests.routing.dicom.nodes import ScriptedNode, scripted_node
from tests.routing.dicom.peers import CT_IMAGE, EXPLICIT, address, dataset, outgoing, running_scp

pytestmark = pytest.mark.integration


def test_message_ids_begin_anew_behind_the_largest_of_16_bits(tmp_path: Path) -> None:
    with running_scp(tmp_path) as scp:
        association = StorageAssociation.open(address(scp.port), [(CT_IMAGE, (EXPLICIT,))])
        association._requestor._message_id = 0xFFFD
        uids = [f"1.2.{number}" for number in range(4)]
        statuses = [association.send(outgoing(dataset(uid), uid)).status for uid in uids]
        association.release()
    assert statuses == [0, 0, 0, 0]
    assert len(scp.files()) == 4


def test_what_a_node_answered_before_it_closed_in_the_middle_of_an_image_is_told() -> None:
    def refusing(node: ScriptedNode) -> None:
        node.accept()
        _, body = node.receive()
        node.respond(command.decode(body[6:]), 0xA900, "not of ours")

    with scripted_node(refusing) as port:
        association = StorageAssociation.open(address(port), [(CT_IMAGE, (EXPLICIT,))])
        # More than the buffers of both sides hold.
        result = association.send(outgoing(dataset(pixels=30_000_000)))
    assert result.status is None
    told = "; it had answered 0xA900 (Failure: Data Set Does Not Match SOP Class): "
    assert result.error.endswith(f"{told}not of ours")
    # The comment of a node may quote a patient's values.
    assert Sight(full=False).by_node(result.error).endswith(f"{told}{MASK}")


def test_how_much_was_sent_for_nothing_is_told() -> None:
    content = dataset(pixels=600_000)

    def script(node: ScriptedNode) -> None:
        node.accept()
        node.receive_store()

    with scripted_node(script) as port:
        association = StorageAssociation.open(address(port), [(CT_IMAGE, (EXPLICIT,))])
        result = association.send(outgoing(content))
    assert (result.status, result.bytes_sent) == (None, len(content))
