"""The one kernel that turns an entity's remembered events into window quantities.

It is used on whole histories offline and on logs read from Redis online, so both give the same
integers. All results are exact integers below 2⁵³; ratios and logarithms are formed afterwards, in
``features.formulas``.

A *log* is a list of entries (``features.entry``) in order of arrival, possibly with repeats. For a
*query* (an event that occurs in the log) the kernel

1. finds the event's first occurrence; what arrived after it does not exist for this event,
2. drops repeats of other events,
3. walks back in the total order (event time, id) from the event, over at most ``CAP`` events and
   at most ``LOOK_BACK_MS``, and adds each to every window it lies in: t − w < s ≤ t.

A query that is not in the log (an event too late to be put into state) sees everything in it that
is earlier in order.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numba import njit
from numpy.typing import NDArray

from features.declared import CAP, LOOK_BACK_MS, WINDOWS
from features.entry import ID_WORD, TIME_SHIFT, WORDS

WINDOW_MS = np.array(list(WINDOWS.values()), dtype=np.int64)
_N_WINDOWS = len(WINDOWS)
_MINUTE_MS = WINDOWS["1m"]


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

_COUNT, _SPEND, _PEERS, _COUNTRIES = (
    int(Quantity.COUNT),
    int(Quantity.SPEND),
    int(Quantity.PEERS),
    int(Quantity.COUNTRIES),
)
_SAME, _PREVIOUS, _AGE = (
    int(Quantity.SAME_AMOUNT_1M),
    int(Quantity.SINCE_PREVIOUS_MS),
    int(Quantity.AGE_MS),
)
_TRUNCATED, _OVERTAKEN, _CONFLICT = (
    int(Quantity.TRUNCATED),
    int(Quantity.OVERTAKEN),
    int(Quantity.CONFLICT),
)
_SHIFT = np.uint64(TIME_SHIFT)
_COUNTRY_MASK = np.uint64((1 << TIME_SHIFT) - 1)
_SLOTS = 2048  # a power of two above 2·CAP: open addressing for peers stays sparse


@njit(cache=True, nogil=True, inline="always")
def _same_id(left, right):  # type: ignore[no-untyped-def]
    different = np.uint64(0)
    for word in range(ID_WORD, WORDS):
        different |= left[word] ^ right[word]
    return different == 0


@njit(cache=True, nogil=True, inline="always")
def _before(left, right):  # type: ignore[no-untyped-def]
    """Whether ``left`` comes before ``right`` in the total order."""
    left_time, right_time = left[0] >> _SHIFT, right[0] >> _SHIFT
    if left_time != right_time:
        return left_time < right_time
    for word in range(ID_WORD, WORDS):
        if left[word] != right[word]:
            return left[word] < right[word]
    return False


@njit(cache=True, nogil=True)
def _first_occurrences(log, keep):  # type: ignore[no-untyped-def]
    """Write the indices of the entries that are no repeat into ``keep``; return how many."""
    size = len(log)
    slots = 4
    while slots < 2 * size:
        slots *= 2
    table = np.full(slots, -1, np.int64)
    kept = 0
    for index in range(size):
        mixed = np.uint64(0)
        for word in range(ID_WORD, WORDS):
            mixed = (mixed ^ log[index, word]) * np.uint64(0x9E3779B97F4A7C15)
            mixed ^= mixed >> np.uint64(29)
        slot = np.int64(mixed & np.uint64(slots - 1))
        repeat = False
        while table[slot] >= 0:
            if _same_id(log[table[slot]], log[index]):
                repeat = True
                break
            slot = (slot + 1) & (slots - 1)
        if not repeat:
            table[slot] = index
            keep[kept] = index
            kept += 1
    return kept


@njit(cache=True, nogil=True)
def _sort_by_order(log, index, size):  # type: ignore[no-untyped-def]
    """Sort ``index[:size]`` by the total order of the entries it points at."""
    disorder = False
    for i in range(1, size):
        if _before(log[index[i]], log[index[i - 1]]):
            disorder = True
            break
    if not disorder:
        return
    times = np.empty(size, np.int64)
    for i in range(size):
        times[i] = np.int64(log[index[i], 0] >> _SHIFT)
    by_time = np.argsort(times, kind="mergesort")
    index[:size] = index[:size][by_time]
    for i in range(1, size):  # only entries of equal time can still be out of order
        current = index[i]
        j = i
        while j > 0 and _before(log[current], log[index[j - 1]]):
            index[j] = index[j - 1]
            j -= 1
        index[j] = current


@njit(cache=True, nogil=True)
def _walk(log, order, size, query, arrived, out, slots, stamps, stamp):  # type: ignore[no-untyped-def]  # noqa: PLR0912, PLR0915 - one pass over the entries
    """Fill ``out`` for one query; ``arrived`` is its first occurrence (or the log's length)."""
    low, high = 0, size
    while low < high:  # rank: how many distinct entries come before the query in the order
        middle = (low + high) // 2
        if _before(log[order[middle]], query):
            low = middle + 1
        else:
            high = middle
    rank = low
    time = np.int64(query[0] >> _SHIFT)
    amount = query[1]
    seen = 0
    countries = np.zeros(4, np.uint64)  # a bit set: declared.COUNTRIES has fewer than 256 codes
    for position in range(rank - 1, -1, -1):
        entry_index = order[position]
        if entry_index >= arrived:
            continue
        entry = log[entry_index]
        at = np.int64(entry[0] >> _SHIFT)
        gap = time - at
        if gap >= LOOK_BACK_MS:
            break
        if seen == CAP:
            out[_TRUNCATED] = 1
            break
        seen += 1
        if seen == 1:
            out[_PREVIOUS] = gap
        out[_AGE] = gap
        if gap >= WINDOW_MS[_N_WINDOWS - 1]:
            continue
        peer = entry[2]
        slot = np.int64((peer ^ (peer >> np.uint64(33))) & np.uint64(_SLOTS - 1))
        new_peer = True
        while stamps[slot] == stamp:
            if slots[slot] == peer:
                new_peer = False
                break
            slot = (slot + 1) & (_SLOTS - 1)
        if new_peer:
            stamps[slot] = stamp
            slots[slot] = peer
        country = np.int64(entry[0] & _COUNTRY_MASK)
        bit = np.uint64(1) << np.uint64(country & 63)
        new_country = (countries[(country >> 6) & 3] & bit) == 0
        countries[(country >> 6) & 3] |= bit
        spent = np.int64(entry[1])
        for window in range(_N_WINDOWS - 1, -1, -1):
            if gap >= WINDOW_MS[window]:
                break
            out[_COUNT + window] += 1
            out[_SPEND + window] += spent
            if new_peer:
                out[_PEERS + window] += 1
            if new_country:
                out[_COUNTRIES + window] += 1
        if gap < _MINUTE_MS and entry[1] == amount:
            out[_SAME] += 1
    return rank


@njit(cache=True, nogil=True)
def _count_overtaken(log, order, size, query, arrived, rank):  # type: ignore[no-untyped-def]
    """How many events that come later in the order were in the log before the query."""
    time = np.int64(query[0] >> _SHIFT)
    overtaken = 0
    for position in range(rank, size):
        entry = log[order[position]]
        if np.int64(entry[0] >> _SHIFT) - time >= LOOK_BACK_MS:
            break
        if order[position] < arrived and not _same_id(entry, query):
            overtaken += 1
    return overtaken


@njit(cache=True, nogil=True)
def _quantities(logs, starts, queries, query_starts, query_rows, history, out):  # type: ignore[no-untyped-def]
    slots = np.zeros(_SLOTS, np.uint64)
    stamps = np.zeros(_SLOTS, np.int64)
    stamp = 0
    for number in range(len(starts) - 1):
        log = logs[starts[number] : starts[number + 1]]
        size = len(log)
        order = np.empty(size, np.int64)
        if history:
            for i in range(size):
                order[i] = i
        else:
            size = _first_occurrences(log, order)
            _sort_by_order(log, order, size)
        for k in range(query_starts[number], query_starts[number + 1]):
            row = query_rows[k]
            query = queries[row]
            result = out[row]
            result[:] = 0
            result[_PREVIOUS] = -1
            result[_AGE] = -1
            arrived = len(log)
            if history:
                arrived = k - query_starts[number]
            else:
                for i in range(len(log)):
                    if _same_id(log[i], query):
                        arrived = i
                        if (log[i, 0] >> _SHIFT) != (query[0] >> _SHIFT) or log[i, 1] != query[1]:
                            result[_CONFLICT] = 1
                        break
            stamp += 1
            rank = _walk(log, order, size, query, arrived, result, slots, stamps, stamp)
            if not history:
                result[_OVERTAKEN] = _count_overtaken(log, order, size, query, arrived, rank)


def _by_log(log_of_row: NDArray[np.int64], logs: int) -> tuple[NDArray[np.int64], ...]:
    """Rows grouped by log, in row order: (start of each log's group, rows)."""
    rows = np.argsort(log_of_row, kind="stable").astype(np.int64)
    present = log_of_row[rows]
    starts = np.searchsorted(present, np.arange(logs + 1)).astype(np.int64)
    return starts, rows


def quantities_from_logs(
    logs: NDArray[np.uint64],
    starts: NDArray[np.int64],
    queries: NDArray[np.uint64],
    log_of_query: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Quantities of events whose entities' logs were read from state.

    Args:
        logs: all entries of all logs, one after another, shape (m, ``WORDS``).
        starts: where each of the k logs begins, and the end, shape (k + 1,).
        queries: the events' own entries, shape (n, ``WORDS``).
        log_of_query: which log belongs to each event, −1 for none, shape (n,).

    Returns:
        int64 of shape (n, ``N_QUANTITIES``), columns as in ``Quantity``; rows without a log hold
        ``ABSENT``.
    """
    out = np.full((len(queries), N_QUANTITIES), ABSENT, np.int64)
    query_starts, rows = _by_log(log_of_query, len(starts) - 1)
    _quantities(logs, starts, queries, query_starts, rows, False, out)
    return out


def quantities_from_history(
    entries: NDArray[np.uint64], log_of_row: NDArray[np.int64], logs: int
) -> NDArray[np.int64]:
    """Quantities of every event of a whole history.

    Args:
        entries: the events' entries in total order without repeats, shape (n, ``WORDS``).
        log_of_row: number of each event's entity, 0 ≤ number < ``logs``, −1 for none, shape (n,).
        logs: number of entities.

    Returns:
        As ``quantities_from_logs``, in the order of ``entries``.
    """
    out = np.full((len(entries), N_QUANTITIES), ABSENT, np.int64)
    starts, rows = _by_log(log_of_row, logs)
    first = starts[0]  # rows without an entity come first in ``rows``
    grouped = np.ascontiguousarray(entries[rows[first:]])
    _quantities(grouped, starts - first, entries, starts, rows, True, out)
    return out
