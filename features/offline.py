"""The declared features of a whole history at once, bit for bit what the stream computes.

The events are put into the total order (event time, event id); each then sees those before it, by
the kernel that also serves the stream. No row sees anything that comes after it, so computing the
features once over a file leaks nothing into a later split by time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.batch import EventBatch
from features.countries import CountryTable
from features.declared import feature_names
from features.entry import ID_WORD, pack_entries
from features.formulas import Known, feature_matrix
from features.kernel import quantities_from_history
from features.profiles import profile_spec


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """Features of n events.

    Attributes:
        names: names of the features in model order.
        matrix: float32 of shape (n, len(names)), C-contiguous, in the order of the batch.
        known: what the features were computed from.
    """

    names: tuple[str, ...]
    matrix: NDArray[np.float32]
    known: Known


def country_codes(batch: EventBatch, countries: CountryTable) -> NDArray[np.int16]:
    """Country code of each event, 0 (unknown) where the profile has no IP address, shape (n,)."""
    if "ip_address" not in batch.text:
        return np.zeros(len(batch), np.int16)
    codes: NDArray[np.int16] = countries.codes(batch.text["ip_address"])
    return codes


def compute_features(batch: EventBatch, countries: CountryTable) -> FeatureTable:
    """The declared features of every event of ``batch``, taken as the whole history.

    An event id that occurs more than once counts once; its repeats get the features of the first.
    """
    country = country_codes(batch, countries)
    order = batch.in_total_order()
    quantities = {}
    for entity in profile_spec(batch.profile).entities:
        entries = pack_entries(batch, country, entity)[order]
        number, logs = _numbered(batch.entity_ids(entity))
        fresh = _first_of_each_id(entries)
        rows = np.flatnonzero(fresh)
        found = quantities_from_history(entries[rows], number[order][rows], logs)
        scattered = np.empty((len(batch), found.shape[1]), np.int64)
        scattered[order] = found[np.cumsum(fresh) - 1]
        quantities[entity] = scattered
    known = Known(batch, country, quantities)
    return FeatureTable(feature_names(batch.profile), feature_matrix(known), known)


def _numbered(ids: list[str | None]) -> tuple[NDArray[np.int64], int]:
    """Distinct ids numbered from 0 in order of appearance, None as −1; and how many there are."""
    numbers: dict[str, int] = {}
    column = np.fromiter(
        (-1 if one is None else numbers.setdefault(one, len(numbers)) for one in ids),
        np.int64,
        len(ids),
    )
    return column, len(numbers)


def _first_of_each_id(entries: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Mask of the entries, sorted in total order, that do not repeat the one before."""
    fresh = np.ones(len(entries), np.bool_)
    same_time = entries[1:, 0] >> np.uint64(16) == entries[:-1, 0] >> np.uint64(16)
    fresh[1:] = ~(same_time & (entries[1:, ID_WORD:] == entries[:-1, ID_WORD:]).all(axis=1))
    return fresh
