"""The one kernel that turns an entity's remembered events into window quantities.

It is used on whole histories offline and on logs read from Redis online, so both give the same
integers: both come down to ``_walk``. All results are exact integers below 2⁵³; ratios and
logarithms are formed afterwards, in ``features.formulas``.

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

import numpy as np
from numba import njit
from numpy.typing import NDArray

from features.declared import CAP, LOOK_BACK_MS, WINDOWS
from features.entry import ID_WORD, PEER_WORD, TIME_SHIFT, WORDS
from features.quantities import ABSENT, N_QUANTITIES, Quantity

WINDOW_MS = np.array(list(WINDOWS.values()), dtype=np.int64)
_N_WINDOWS = len(WINDOWS)
(_COUNT, _SPEND, _PEERS, _COUNTRIES, _SAME, _PREVIOUS, _AGE, _TRUNCATED, _OVERTAKEN, _CONFLICT) = (
    map(int, Quantity)
)
_SHIFT = np.uint64(TIME_SHIFT)
_COUNTRY_MASK = np.uint64((1 << TIME_SHIFT) - 1)
_AHEAD = 32  # queries whose entries are asked for side by side
_NEVER = np.iinfo(np.int64).max
_FEW = 12  # entries among which looking at all of them is faster than a table


@njit(cache=True, nogil=True, inline="always")
def _same_id(left, right):  # type: ignore[no-untyped-def]
    # From the end: ids mostly differ there, in a number that counts up.
    for word in range(WORDS - 1, ID_WORD - 1, -1):  # noqa: SIM110 - no generators when compiled
        if left[word] != right[word]:
            return False
    return True


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


@njit(cache=True, nogil=True, inline="always")
def _slot_of(entry, slots):  # type: ignore[no-untyped-def]
    """Where to begin to look for an entry's id in a table of ``slots`` slots, a power of two."""
    mixed = np.uint64(0)
    for word in range(ID_WORD, WORDS):
        mixed = (mixed ^ entry[word]) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return np.int64(mixed & np.uint64(slots - 1))


@njit(cache=True, nogil=True)
def _slots_for(size):  # type: ignore[no-untyped-def]
    """Slots of a table for a log of ``size`` entries, a power of two."""
    slots = 16
    while slots < 2 * size:
        slots *= 2
    return slots


@njit(cache=True, nogil=True)
def _find(log, size, table, entry):  # type: ignore[no-untyped-def]
    """(index of the first entry with that id, its slot) among ``log[:size]``; −1: there is none.

    ``table`` maps the ids of a log to first entries; a short log is looked through instead.
    """
    if len(log) <= _FEW:
        for index in range(size):
            if _same_id(log[index], entry):
                return index, 0
        return -1, 0
    slot = _slot_of(entry, len(table))
    while table[slot] >= 0:
        if _same_id(log[table[slot]], entry):
            return table[slot], slot
        slot = (slot + 1) & (len(table) - 1)
    return -1, slot


@njit(cache=True, nogil=True)
def _first_occurrences(log, table, keep):  # type: ignore[no-untyped-def]
    """Write the indices of the entries that are no repeat into ``keep``; return how many."""
    if len(log) > _FEW:
        table[:] = -1
    kept = 0
    for index in range(len(log)):
        found, slot = _find(log, index, table, log[index])
        if found < 0:
            if len(log) > _FEW:
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
    if size > _FEW:
        times = np.empty(size, np.int64)
        for i in range(size):
            times[i] = np.int64(log[index[i], 0] >> _SHIFT)
        by_time = np.argsort(times, kind="mergesort")
        index[:size] = index[:size][by_time]
    for i in range(1, size):  # in a long log only entries of equal time can still be out of order
        current = index[i]
        j = i
        while j > 0 and _before(log[current], log[index[j - 1]]):
            index[j] = index[j - 1]
            j -= 1
        index[j] = current


@njit(cache=True, nogil=True)
def _rank(log, order, size, query):  # type: ignore[no-untyped-def]
    """How many of the entries ``log[order[:size]]``, sorted, come before the query."""
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        if _before(log[order[middle]], query):
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, nogil=True, inline="always")
def _put(out, window, count, spend, peers, countries):  # type: ignore[no-untyped-def]
    out[_COUNT + window] = count
    out[_SPEND + window] = spend
    out[_PEERS + window] = peers
    out[_COUNTRIES + window] = countries


@njit(cache=True, nogil=True)
def _link_peers(log, base, order, size, scratch, stamp, follow):  # type: ignore[no-untyped-def]
    """Where each entry's peer comes next, for ``_walk`` to count distinct peers without a table.

    Writes into ``follow[base + i]`` the next place in ``order`` with the peer of place i, or a
    number beyond all places. ``scratch`` has at least ``_slots_for(size)`` rows; a new ``stamp``
    empties it.
    """
    mask = np.uint64(_slots_for(size) - 1)
    for position in range(size - 1, -1, -1):
        index = position if order is None else order[position]
        peer = log[base + index, PEER_WORD]
        slot = (peer ^ (peer >> np.uint64(33))) & mask
        while scratch[slot, 0] == stamp and scratch[slot, 1] != peer:
            slot = (slot + np.uint64(1)) & mask
        if scratch[slot, 0] == stamp:
            follow[base + position] = np.int64(scratch[slot, 2])
        else:
            scratch[slot, 0] = stamp
            scratch[slot, 1] = peer
            follow[base + position] = _NEVER
        scratch[slot, 2] = np.uint64(position)


@njit(cache=True, nogil=True)
def _walk(log, base, order, follow, rank, arrived, time, amount, out):  # type: ignore[no-untyped-def]  # noqa: PLR0912, PLR0915 - one pass over the entries
    """Fill ``out`` for a query of that time and amount from the entries before it.

    ``log[base + order[:rank]]`` are the entries before the query in the total order, sorted; of
    them only those with an index below ``arrived`` count. No ``order`` means that the log is
    sorted and all of it counts. ``follow`` is as in ``_link_peers``.
    """
    out[:] = 0
    seen = count = peers = countries = same = 0
    spend, previous, age = np.int64(0), np.int64(-1), np.int64(-1)
    last_country = np.uint64(_COUNTRY_MASK)
    bits_0, bits_1, bits_2, bits_3 = np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0)
    window = 0  # the shortest one that holds the entry; gaps only grow on the way back
    length = WINDOW_MS[0]
    for position in range(rank - 1, -1, -1):
        index = position
        if order is not None:
            index = order[position]
            if index >= arrived:
                continue
        first = log[base + index, 0]
        gap = time - np.int64(first >> _SHIFT)
        if gap >= LOOK_BACK_MS:
            break
        if seen == CAP:
            out[_TRUNCATED] = 1
            break
        if seen == 0:
            previous = gap
        seen += 1
        age = gap
        while gap >= length:
            _put(out, window, count, spend, peers, countries)
            window += 1
            length = WINDOW_MS[window] if window < _N_WINDOWS else LOOK_BACK_MS
        if window == _N_WINDOWS:
            continue
        spent = log[base + index, 1]
        count += 1
        spend += np.int64(spent)
        if window == 0 and spent == amount:
            same += 1
        later = follow[base + position]
        if order is not None:
            while later < rank and order[later] >= arrived:
                later = follow[base + later]
        peers += later >= rank  # the latest entry of each peer counts for it
        country = first & _COUNTRY_MASK
        if country == last_country:
            continue
        last_country = country
        bit = np.uint64(1) << (country & np.uint64(63))
        which = country >> np.uint64(6)
        if which == 0:
            countries += (bits_0 & bit) == 0
            bits_0 |= bit
        elif which == 1:
            countries += (bits_1 & bit) == 0
            bits_1 |= bit
        elif which == 2:
            countries += (bits_2 & bit) == 0
            bits_2 |= bit
        else:
            countries += (bits_3 & bit) == 0
            bits_3 |= bit
    while window < _N_WINDOWS:
        _put(out, window, count, spend, peers, countries)
        window += 1
    out[_SAME] = same
    out[_PREVIOUS] = previous
    out[_AGE] = age


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
def _from_logs(logs, starts, queries, query_starts, query_rows, out):  # type: ignore[no-untyped-def]
    longest = 0
    for number in range(len(starts) - 1):
        longest = max(longest, starts[number + 1] - starts[number])
    order = np.empty(longest, np.int64)
    follow = np.empty(longest, np.int64)
    tables = np.empty(_slots_for(longest), np.int64)
    scratch = np.zeros((_slots_for(longest), 3), np.uint64)
    for number in range(len(starts) - 1):
        log = logs[starts[number] : starts[number + 1]]
        table = tables[: _slots_for(len(log))]
        size = _first_occurrences(log, table, order)
        _sort_by_order(log, order, size)
        _link_peers(log, 0, order, size, scratch, np.uint64(number + 1), follow)
        for k in range(query_starts[number], query_starts[number + 1]):
            row = query_rows[k]
            query = queries[row]
            arrived, _ = _find(log, len(log), table, query)
            conflict = 0
            if arrived < 0:
                arrived = len(log)
            elif (log[arrived, 0] ^ query[0]) >> _SHIFT != 0 or log[arrived, 1] != query[1]:
                conflict = 1
            rank = _rank(log, order, size, query)
            time = np.int64(query[0] >> _SHIFT)
            _walk(log, 0, order, follow, rank, arrived, time, query[1], out[row])
            out[row, _CONFLICT] = conflict
            out[row, _OVERTAKEN] = _count_overtaken(log, order, size, query, arrived, rank)


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
    rows = np.argsort(log_of_query, kind="stable").astype(np.int64)
    query_starts = np.searchsorted(log_of_query[rows], np.arange(len(starts))).astype(np.int64)
    _from_logs(logs, starts, queries, query_starts, rows, out)
    return out


@njit(cache=True, nogil=True)
def group(entries, log_of_row, logs):  # type: ignore[no-untyped-def]
    """(start of each log, place and rank in its log of each row, entries by log and in order)."""
    starts = np.zeros(logs + 1, np.int64)
    for row in range(len(log_of_row)):
        if log_of_row[row] >= 0:
            starts[log_of_row[row] + 1] += 1
    for number in range(logs):
        starts[number + 1] += starts[number]
    free = starts[:-1].copy()
    place = np.empty(len(log_of_row), np.int64)
    rank = np.full(len(log_of_row), -1, np.int64)
    grouped = np.empty((starts[-1], entries.shape[1]), np.uint64)
    for row in range(len(log_of_row)):
        number = log_of_row[row]
        if number >= 0:
            at = free[number]
            free[number] = at + 1
            place[row] = at
            rank[row] = at - starts[number]
            grouped[at] = entries[row]
    return starts, place, rank, grouped


@njit(cache=True, nogil=True)
def link_history(grouped, starts, longest, follow):  # type: ignore[no-untyped-def]
    """Write the links of ``_link_peers`` for all logs, the longest of ``longest`` entries."""
    scratch = np.zeros((_slots_for(longest), 3), np.uint64)
    for number in range(len(starts) - 1):
        size = starts[number + 1] - starts[number]
        stamp = np.uint64(number + 1)
        _link_peers(grouped, starts[number], None, size, scratch, stamp, follow)


@njit(cache=True, nogil=True)
def from_history(grouped, follow, place, rank, out):  # type: ignore[no-untyped-def]
    """Write the quantities of the queries at ``place``, each the ``rank``-th of its log."""
    for begin in range(0, len(out), _AHEAD):
        block = range(begin, min(begin + _AHEAD, len(out)))
        for k in block:
            # The logs lie far apart in memory: asked for side by side, their ends come sooner.
            if rank[k] >= 0:
                out[k, 0] = np.int64(grouped[place[k], 0] ^ grouped[place[k] - min(rank[k], 2), 0])
        for k in block:
            if rank[k] < 0:
                out[k, :] = ABSENT
                continue
            at, before = place[k], rank[k]
            time, amount = np.int64(grouped[at, 0] >> _SHIFT), grouped[at, 1]
            _walk(grouped, at - before, None, follow, before, 0, time, amount, out[k])
