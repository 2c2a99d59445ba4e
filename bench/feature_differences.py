"""How many events were scored with other features than those of the whole history in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

ENTITIES = ("user", "device", "ip")


def events_that_differ(
    found: Mapping[str, Mapping[str, Any]],
    event_id: Sequence[str],
    matrix: NDArray[np.float32],
    names: Sequence[str],
) -> dict[str, int]:
    """Entity → number of events of which a feature of that entity differs.

    Args:
        found: event id → feature → value, None where it is NaN.
        event_id: of n events.
        matrix: what their features ought to be, shape (n, m).
        names: of the m features.
    """
    result = {}
    for entity in ENTITIES:
        columns = [number for number, name in enumerate(names) if name.startswith(f"{entity}_")]
        wanted = matrix[:, columns]
        told = np.array(
            [[found[one][names[column]] for column in columns] for one in event_id],
            dtype=np.float32,  # None becomes NaN
        ).reshape(wanted.shape)
        same = (told == wanted) | (np.isnan(told) & np.isnan(wanted))
        result[entity] = int((~same.all(axis=1)).sum())
    return result
