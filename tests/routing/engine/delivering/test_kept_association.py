"""The association that a courier keeps: it is used as long as the node keeps it, too."""

import contextlib
import socket
import threading

import pytest

from routing.dicom import command
from routing.dicom.associate import RELEASE_RQ, encode_abort
from routing.engine.delivering.kept_association import KeptAssociation
from routing.engine.nodes.target import DeliverySettings, target_of
from routing.models import Node
from tests.routing.dicom.nodes import ScriptedNode, scripted_node
from tests.routing.dicom.peers import CT_IMAGE, EXPLICIT, PATIENCE, dataset, outgoing

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    "end",
    [
        lambda peer, answer: (peer.send(answer), peer.socket.shutdown(socket.SHUT_RDWR)),
        lambda peer, answer: (peer.send(answer), peer.send(encode_abort(0, by_user=True))),
        lambda peer, answer: peer.send(answer, encode_abort(0, by_user=True)),
        lambda peer, answer: (peer.send(answer), peer.send(RELEASE_RQ)),
    ],
    ids=["closes", "aborts", "aborts in the same breath", "releases"],
)
def test_one_that_the_node_ends_after_each_image_is_replaced_before_the_next(end):
    ended = threading.Event()

    def script(peer: ScriptedNode) -> None:
        peer.accept()
        request, _ = peer.receive_store()
        end(peer, command.command_pdus(1, command.response(request, 0), 16384))
        ended.set()
        peer.is_closed()

    with scripted_node(script) as port:
        target = target_of(Node(ae_title="PACS", host="127.0.0.1", port=port), DeliverySettings())
        kept = KeptAssociation(lambda _: contextlib.nullcontext())
        for _ in range(3):
            kept.prepare(target, "ME", (CT_IMAGE, (EXPLICIT,)), ())
            assert kept.send(outgoing(dataset()), 0, None).error == ""
            assert ended.wait(PATIENCE)
            ended.clear()
        kept.release()


def test_one_over_which_half_a_message_may_have_gone_carries_no_other_image():
    """What the node would take for its rest is the next image."""

    class Torn:
        is_over = False

        def send(self, *_image):
            raise OSError("the file cannot be read any further")

        def abort(self):
            self.is_over = True

    kept = KeptAssociation(lambda _: contextlib.nullcontext())
    kept._open = torn = Torn()
    with pytest.raises(OSError, match="any further"):
        kept.send(outgoing(dataset()), 0, None)
    assert torn.is_over
