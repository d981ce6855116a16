"""The IP addresses of this machine, for nodes that are sent to from certain networks only."""

import ipaddress
import re
import socket
from pathlib import Path

from routing.core.gates import Address

_IPV4 = Path("/proc/net/fib_trie")
_IPV6 = Path("/proc/net/if_inet6")
_LOCAL = re.compile(r"\|-- (\S+)\n\s+/32 host LOCAL")


def local_addresses() -> frozenset[Address]:
    """Every address of every interface (Linux); elsewhere those that the host name stands for."""
    try:
        found: set[Address] = {ipaddress.ip_address(text) for text in _LOCAL.findall(_IPV4.read_text())}
        if _IPV6.exists():
            found |= {ipaddress.ip_address(int(line.split()[0], 16)) for line in _IPV6.read_text().splitlines()}
    except OSError:
        names = socket.getaddrinfo(socket.gethostname(), None)
        # A link-local address carries its interface behind a percent sign.
        found = {ipaddress.ip_address(str(address[0]).partition("%")[0]) for *_, address in names}
    return frozenset(found)
