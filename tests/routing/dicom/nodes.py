"""Builders for network tests: a node that follows a script, however badly."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

from routing.dicom import command
from routing.dicom.associate import (
    RELEASE_RP,
    Refusal,
    decode_request,
    encode_accept,
    encode_reject,
)
from routing.dicom.wire import Inbound
from tests.routing.dicom.peers import PATIENCE, RawPeer


@contextlib.contextmanager
def scripted_node(script: Callable[["ScriptedNode"], None]) -> Iterator[int]:
    """A node that follows a script for each connection; its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    failures: list[BaseException] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    script(ScriptedNode(connection))
                except OSError:
                    pass
                except BaseException as error:
                    failures.append(error)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(PATIENCE)
    assert not failures, failures


class ScriptedNode(RawPeer):
    """The acceptor's end of one connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.socket.settimeout(PATIENCE)
        self._inbound = Inbound(connection, PATIENCE)

    def accept(self, max_pdu: int = 16384, accepted: Callable[[int], bool] = lambda _: True) -> None:
        """Answer the A-ASSOCIATE-RQ; each context gets its first transfer syntax."""
        kind, body = self.receive()
        assert kind == 1
        request = decode_request(body, "")
        results = [
            (each.context_id, 0 if accepted(each.context_id) else 3, each.transfer_syntaxes[0])
            for each in request.contexts
        ]
        self.send(encode_accept(request, results, max_pdu))

    def turn_away(self) -> None:
        """Answer an association request as a node that has no room for another one (PS3.8 9.3.4)."""
        self.receive()
        self.send(encode_reject(Refusal(3, 2, "local limit exceeded", transient=True)))

    def receive_store(self) -> tuple[command.Command, bytes]:
        """One C-STORE-RQ with its data set."""
        command_set = content = b""
        while True:
            kind, body = self.receive()
            assert kind == 4, f"PDU type {kind}"
            while body:
                length, _, control = command.PDV_HEADER.unpack_from(body)
                fragment, body = body[6 : length + 4], body[length + 4 :]
                if control & 1:
                    command_set += fragment
                else:
                    content += fragment
                    if control & 2:
                        return command.decode(command_set), content

    def respond(self, request: command.Command, status: int = 0, comment: str = "", context_id: int = 1) -> None:
        self.send(command.command_pdus(context_id, command.response(request, status, comment), 16384))

    def answer_release(self) -> None:
        """Pass over what comes until the requestor releases, and let it go."""
        while self.receive()[0] != 5:
            pass
        self.send(RELEASE_RP)
