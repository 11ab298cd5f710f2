"""Ports of the loopback for servers that cannot choose one by themselves, such as SIP and RTP."""

import socket

from tests.services.process import HOST

# Below the range from which clients get theirs (32768-60999), so that none of them takes one by chance.
FIRST, LAST = 10_000, 32_000
_next = FIRST


def take(count: int = 1) -> int:
    """The first of so many ports in a row, even, that nobody uses for UDP or TCP; none is lent twice."""
    global _next  # noqa: PLW0603 - one count for the whole process is the point
    while _next + count <= LAST:
        first = _next
        busy = next((port for port in range(first, first + count) if not is_free(port)), None)
        _next = (first + count if busy is None else busy + 1) + 1 & ~1
        if busy is None:
            return first
    raise RuntimeError("no ports are left")


def is_free(port: int) -> bool:
    """Whether nobody uses the port, for UDP or TCP."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                return False
    return True
