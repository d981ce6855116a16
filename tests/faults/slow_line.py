"""A line between two TCP peers that is slow, far and uneven."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from collections.abc import Iterator

_PIECE = 1400


@contextlib.contextmanager
def slow_line(port: int, *, bytes_a_second: int, delay: float, stalls: float = 0.0) -> Iterator[int]:
    """
    A port that leads to ``port`` of the loopback.

    ``delay`` seconds each way; of the pieces of 1400 bytes the part ``stalls``
    waits ten times as long, as after a packet that was lost.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()
    threads: list[threading.Thread] = []

    def carry(source: socket.socket, target: socket.socket, seed: int) -> None:
        chance = random.Random(seed)
        source.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with contextlib.suppress(OSError):
            ended.wait(delay)
            while piece := source.recv(_PIECE):
                pause = len(piece) / bytes_a_second
                ended.wait(pause * 10 if chance.random() < stalls else pause)
                target.sendall(piece)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", port))
                for number, pair in enumerate(((near, far), (far, near))):
                    threads.append(threading.Thread(target=carry, args=(*pair, number)))
                    threads[-1].start()
                open_.extend((near, far))

    open_: list[socket.socket] = []
    accepting = threading.Thread(target=serve)
    accepting.start()
    try:
        yield listener.getsockname()[1]
    finally:
        ended.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join()
        for one in open_:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()
        for one in open_:
            one.close()
