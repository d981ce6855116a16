"""Ports for servers that tests start: nobody else's until the server takes them."""

import itertools
import socket

# Below the ports that Linux gives to outgoing connections and to "port 0"
# (ip_local_port_range, from 32768 on): a port from there can be somebody
# else's between the moment it was found free and the moment it is used.
_LOWEST, _HIGHEST, _BLOCK = 20_000, 32_000, 100


def free_port() -> int:
    """A port that no other test of this machine is given, and that nobody has open."""
    for offset in itertools.islice(_offsets, _BLOCK):
        port = _first_port() + 1 + offset
        with socket.socket() as probe:
            if _bound(probe, port):
                return port
    raise AssertionError("all ports of this process are in use")


def _first_port() -> int:
    """The first port of this process's block; held open, which keeps other processes out of the block."""
    if not _claim:
        for first in range(_LOWEST, _HIGHEST, _BLOCK):
            holder = socket.socket()
            if _bound(holder, first):
                _claim.append(holder)
                break
            holder.close()
        else:
            raise AssertionError("more test processes than blocks of ports")
    port: int = _claim[0].getsockname()[1]
    return port


def _bound(one: socket.socket, port: int) -> bool:
    try:
        one.bind(("", port))
    except OSError:
        return False
    return True


_claim: list[socket.socket] = []
_offsets = itertools.cycle(range(_BLOCK - 1))
