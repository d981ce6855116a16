"""Peers that do what no modality does, and good ones beside them whose waiting is measured."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from routing.dicom.associate import encode_request
from tests.routing.dicom.peers import CT_IMAGE, EXPLICIT, RawPeer, dataset, pdata, pdv, store_command

LONG_PATIENCE = 40
"""Seconds: the listener's own deadlines are 5 and 10."""
REQUEST = encode_request("RAW", "CAPACITOR", [(CT_IMAGE, (EXPLICIT,))], 16382)


class Attacker:
    """A raw connection from some address of the loopback."""

    def __init__(self, port: int, source: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), LONG_PATIENCE, source_address=(source, 0))

    def send(self, content: bytes) -> None:
        # The listener may have had enough before everything is sent.
        with contextlib.suppress(OSError):
            self.socket.sendall(content)

    def associate(self) -> None:
        self.send(REQUEST)
        self.socket.recv(4096)

    def seconds_until_closed(self, since: float) -> float:
        """From ``since`` (monotonic); TimeoutError when the listener does not close within LONG_PATIENCE."""
        self.socket.settimeout(LONG_PATIENCE)
        with contextlib.suppress(ConnectionError):
            while self.socket.recv(65536):
                pass
        return time.monotonic() - since

    def close(self) -> None:
        self.socket.close()


def served(port: int, times: int = 5, called: str = "CAPACITOR") -> float:
    """Seconds that the slowest of some good stores took, from connecting to Success."""
    worst = 0.0
    for number in range(times):
        began = time.monotonic()
        uid = f"1.2.3.{time.monotonic_ns()}.{number}"
        with RawPeer(port) as peer:
            peer.send(encode_request("GOOD", called, [(CT_IMAGE, (EXPLICIT,))], 16382))
            kind, _ = peer.receive()
            assert kind == 2, "a good peer is not let in"
            peer.send(store_command(uid), pdata(pdv(dataset(uid), control=2)))
            assert peer.response().status == 0
        worst = max(worst, time.monotonic() - began)
    return worst


def trickle(attacker: Attacker, content: bytes, stop: threading.Event) -> None:
    """A byte at a time, with pauses."""
    for at in range(len(content)):
        if stop.wait(0.3):
            return
        attacker.send(content[at : at + 1])


@contextlib.contextmanager
def in_background(work: Callable[[threading.Event], None]) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=work, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(LONG_PATIENCE)


class Memory:
    """Resident memory of a process, in MiB: what it grew by at most since this was made."""

    def __init__(self, pid: int) -> None:
        self._folder = Path(f"/proc/{pid}")
        with contextlib.suppress(OSError):
            # The peak starts anew; without the right to it, it counts from the start of the process.
            (self._folder / "clear_refs").write_text("5")
        self._before = self._read("VmRSS")

    def grown(self) -> float:
        return max(0.0, self._read("VmHWM") - self._before) / 1024

    def own(self) -> float:
        """What the process holds for itself now: without mapped files, which the system takes back when it needs to."""
        return self._read("RssAnon") / 1024

    def _read(self, name: str) -> int:
        for line in (self._folder / "status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1])
        raise AssertionError(f"no {name}")


def threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def header(kind: int, length: int) -> bytes:
    return struct.pack(">BxL", kind, length)
