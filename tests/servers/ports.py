"""Ports for servers that are killed and started again."""

from __future__ import annotations

import random

from stack.ports import is_free

#: Below those that the operating system gives to whoever connects somewhere: while the server is
#: away one of its clients, which try to come back all the time, could be given its port.
_FIRST, _LAST = 20_000, 32_000


def lasting_port() -> int:
    """A free port that stays free while its server is away."""
    chooser = random.SystemRandom()
    while not is_free(port := chooser.randint(_FIRST, _LAST)):
        pass
    return port
