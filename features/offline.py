"""The declared features of a whole history at once, bit for bit what the stream computes.

The events are put into the total order (event time, event id); each then sees those before it, by
the kernel that also serves the stream. No row sees anything that comes after it, so computing the
features once over a file leaks nothing into a later split by time.

Only the pasts are worked out for the whole history: quantities and features follow by some
thousand events at a time, so that what passes between them stays in the processor's cache.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.batch import EventBatch
from features.countries import CountryTable
from features.declared import feature_names
from features.entry import ID_WORD, PEER_COLUMN, PEER_WORD, pack_entries
from features.formulas import feature_matrix
from features.history import History
from features.known import Known, country_codes, own_columns
from features.profiles import profile_spec
from features.quantities import N_QUANTITIES

_CHUNK = 4096


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """Features of n events.

    Attributes:
        names: names of the features in model order.
        matrix: float32 of shape (n, len(names)), C-contiguous, in the order of the batch.
    """

    names: tuple[str, ...]
    matrix: NDArray[np.float32]


class _Pasts:
    """Every event of a batch in total order, and its entities' pasts."""

    def __init__(self, batch: EventBatch, country: NDArray[np.int16]) -> None:
        order = batch.in_total_order()
        fresh = _first_of_each_id(batch, order)
        #: rows of the batch in total order, repeats left out
        self.rows = order[fresh]
        #: row of the batch → which of ``rows`` it is, or repeats
        self.which = np.empty(len(batch), np.intp)
        self.which[order] = np.cumsum(fresh) - 1
        entries = pack_entries(batch, country, words=ID_WORD)[self.rows]
        self.histories = {}
        for entity in profile_spec(batch.profile).entities:
            if entity in PEER_COLUMN:
                # All peers are known: their numbers tell them apart as well as hashes do.
                peers = batch.coded(PEER_COLUMN[entity]).code[self.rows]
                entries[:, PEER_WORD] = peers.astype(np.uint64)
            owner = batch.entity(entity)
            self.histories[entity] = History(entries, owner.code[self.rows], len(owner))


def compute_features(batch: EventBatch, countries: CountryTable) -> FeatureTable:
    """The declared features of every event of ``batch``, taken as the whole history.

    An event id that occurs more than once counts once; its repeats get the features of the first.
    """
    country = country_codes(batch, countries)
    pasts = _Pasts(batch, country)
    own = own_columns(batch, country)
    names = feature_names(batch.profile)
    matrix = np.empty((len(batch), len(names)), np.float32)
    in_order = np.array_equal(pasts.rows, np.arange(len(batch)))
    for begin in range(0, len(pasts.rows), _CHUNK):
        rows = pasts.rows[begin : begin + _CHUNK]
        past = {
            entity: history.quantities(begin, begin + len(rows))
            for entity, history in pasts.histories.items()
        }
        known = Known(own.take(rows), past)
        if in_order:
            feature_matrix(known, matrix[begin : begin + len(rows)])
        else:
            matrix[rows] = feature_matrix(known)
    if len(pasts.rows) < len(batch):
        matrix = matrix[pasts.rows[pasts.which]]
    return FeatureTable(names, matrix)


def offline_quantities(
    batch: EventBatch, country: NDArray[np.int16]
) -> dict[str, NDArray[np.int64]]:
    """The window quantities behind the features.

    Args:
        batch: n events, taken as the whole history.
        country: their country codes, shape (n,).

    Returns:
        Entity → int64 of shape (n, ``quantities.N_QUANTITIES``) in the order of the batch.
    """
    pasts = _Pasts(batch, country)
    return {
        entity: history.quantities(0, len(pasts.rows))[pasts.which].reshape(-1, N_QUANTITIES)
        for entity, history in pasts.histories.items()
    }


def _first_of_each_id(batch: EventBatch, order: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Mask over ``order``, which is the total order: those that do not repeat the one before."""
    fresh = np.ones(len(order), np.bool_)
    tied = np.flatnonzero(np.diff(batch.time_ms[order]) == 0) + 1
    fresh[tied] = batch.order_id[order[tied]] != batch.order_id[order[tied - 1]]
    return fresh
