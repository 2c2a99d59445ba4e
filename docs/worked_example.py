"""The worked example of ``docs/features.md``, computed by the product itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.batch import AMOUNT_SCALE, EventBatch, order_keys
from features.declared import feature_names
from features.entry import entries_of, pack_entries
from features.formulas import feature_matrix
from features.kernel import quantities_from_logs
from features.known import Known, own_columns
from features.profiles import ECOMMERCE

_NOON_MS = 1_767_268_800_000  # 2026-01-01T12:00:00Z

SHOWN = (
    "device_count_1m", "device_count_1h", "device_spend_1m", "device_mean_1h",
    "device_value_ratio_1h", "device_users_1h", "device_same_amount_1m",
    "device_seconds_since_previous",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Purchase:
    """One purchase on the device, in the example's words."""

    name: str
    after_s: float
    amount: float
    user: str
    why: str

    @property
    def clock(self) -> str:
        """Its time of day."""
        minutes, seconds = divmod(self.after_s, 60)
        return f"12:{minutes:02.0f}:{seconds:06.3f}"


A = Purchase("a", 0, 10.0, "u1", "nothing is earlier")
B = Purchase("b", 0, 20.0, "u2", "*a* has the same time and the smaller id")
C = Purchase(
    "c", 60, 5.0, "u1", "*a* and *b* are exactly one minute earlier: (t − 1m, t] does not hold them"
)
D = Purchase("d", 30, 10.0, "u3", "*a* and *b*; *a* has the same amount")
IN_ORDER = (A, B, D, C)
D_LATE = (A, B, C, D)


def values(arrivals: tuple[Purchase, ...]) -> list[list[float]]:
    """The features ``SHOWN`` of each purchase when they arrive in this order."""
    n = len(arrivals)
    ids = [one.name for one in arrivals]
    users: list[str | None] = [one.user for one in arrivals]
    nobody: list[str | None] = [None] * n
    batch = EventBatch(
        profile=ECOMMERCE.name,
        event_id=ids,
        order_id=order_keys(ids),
        time_ms=np.array([_NOON_MS + int(1000 * one.after_s) for one in arrivals]),
        amount=np.array([round(AMOUNT_SCALE * one.amount) for one in arrivals]),
        text=dict.fromkeys(ECOMMERCE.text, nobody)
        | {"user_id": users, "device_id": ["device"] * n},
        number=dict.fromkeys(ECOMMERCE.number, np.full(n, np.nan)),
    )
    country = np.zeros(n, np.int16)
    packed = pack_entries(batch, country)
    past = {}
    for entity in ECOMMERCE.entities:
        entries = entries_of(entity, batch, packed)
        owner = batch.entity(entity)
        logs = [entries[owner.code == number] for number in range(len(owner))]
        starts = np.cumsum([0, *map(len, logs)])
        past[entity] = quantities_from_logs(
            np.concatenate([*logs, entries[:0]]), starts, entries, owner.code
        )
    matrix = feature_matrix(Known(own_columns(batch, country), past))
    columns = [feature_names(ECOMMERCE.name).index(name) for name in SHOWN]
    return [[float(value) for value in row] for row in matrix[:, columns]]
