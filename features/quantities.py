"""What the kernel finds out about an event's past: integers, from which features are made."""

from __future__ import annotations

from enum import IntEnum

from features.declared import WINDOWS

_N_WINDOWS = len(WINDOWS)


class Quantity(IntEnum):
    """Columns of the result; the first four come once per window, ascending."""

    COUNT = 0
    SPEND = _N_WINDOWS
    PEERS = 2 * _N_WINDOWS
    COUNTRIES = 3 * _N_WINDOWS
    SAME_AMOUNT_1M = 4 * _N_WINDOWS
    SINCE_PREVIOUS_MS = 4 * _N_WINDOWS + 1  #: −1: no earlier event
    AGE_MS = 4 * _N_WINDOWS + 2  #: −1: no earlier event
    TRUNCATED = 4 * _N_WINDOWS + 3  #: 1: more than CAP earlier events within the look-back
    OVERTAKEN = 4 * _N_WINDOWS + 4  #: later events that were in the log before this one
    CONFLICT = 4 * _N_WINDOWS + 5  #: 1: same id, other time or amount


N_QUANTITIES = len(Quantity) + 4 * (_N_WINDOWS - 1)
#: In every column of a query without an entity (for example an event without an IP address).
ABSENT = -2
