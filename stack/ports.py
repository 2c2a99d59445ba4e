"""Loopback ports that nobody listens on.

A port found free can be taken before the server binds it; whoever starts a server has to try again
then (``stack.local`` does).
"""

from __future__ import annotations

import socket
from collections.abc import Iterable

LOOPBACK = "127.0.0.1"
_CONNECT_S = 0.5


def is_free(port: int) -> bool:
    """Whether a server could listen on ``port`` of the loopback address now."""
    # A listener on all addresses does not stop a bind to this one everywhere, so ask it first.
    if listens(port):
        return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def listens(port: int) -> bool:
    """Whether somebody accepts connections on ``port`` of the loopback address."""
    try:
        socket.create_connection((LOOPBACK, port), _CONNECT_S).close()
    except OSError:
        return False
    return True


def pick(preferred: Iterable[int]) -> int:
    """The first of ``preferred`` that is free, else any free port."""
    for port in preferred:
        if is_free(port):
            return port
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port = int(probe.getsockname()[1])
    return port
