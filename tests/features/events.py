"""Random e-commerce events for property tests: ties, shared devices, gaps, repeats."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from features.batch import EventBatch, order_keys
from features.declared import WINDOWS
from features.kernel import ABSENT, Quantity
from tests.features.oracle import Event

START = 1_700_000_000_000
#: Gaps that fall on, just before and just after the borders of the windows.
GAPS = sorted(
    {0, 1, 999}
    | {length + step for length in (*WINDOWS.values(), 180 * 86_400_000) for step in (-1, 0, 1)}
)


@st.composite
def ecommerce_batches(draw: st.DrawFn, max_size: int = 40) -> EventBatch:
    """A batch in a random order of arrival, ids unique."""
    size = draw(st.integers(1, max_size))
    base = draw(st.integers(0, 3))
    time = [
        START + draw(st.sampled_from(GAPS)) * draw(st.sampled_from((0, 1, 1, 2))) // (base + 1)
        for _ in range(size)
    ]
    ids = draw(
        st.lists(
            st.text("abc-9", min_size=1, max_size=4) | st.text("xy", min_size=41, max_size=44),
            min_size=size, max_size=size, unique=True,
        )
    )  # fmt: skip

    def few(letters: str) -> list[str]:
        return [draw(st.sampled_from(letters)) for _ in range(size)]

    return make_batch(
        ids,
        time,
        [draw(st.sampled_from((0, 10_000, 123_456))) for _ in range(size)],
        few("uvw"),
        few("de"),
        [draw(st.sampled_from(("8.8.8.8", "1.1.1.1", None))) for _ in range(size)],
    )


def make_batch(
    ids: Sequence[str],
    time: Sequence[int],
    amount: Sequence[int],
    users: Sequence[str],
    devices: Sequence[str],
    addresses: Sequence[str | None],
) -> EventBatch:
    """An e-commerce batch with the columns that matter here."""
    n = len(ids)
    return EventBatch(
        profile="ecommerce",
        event_id=list(ids),
        order_id=order_keys(ids),
        time_ms=np.array(time, np.int64),
        amount=np.array(amount, np.int64),
        text={
            "user_id": list(users),
            "device_id": list(devices),
            "source": ["SEO"] * n,
            "browser": ["Safari"] * n,
            "sex": [None] * n,
            "ip_address": list(addresses),
        },
        number={"signup_ms": np.full(n, START - 5000.0), "age": np.full(n, np.nan)},
    )


def events_of(batch: EventBatch, country: np.ndarray, entity: str) -> list[Event]:
    """The batch as the oracle wants it."""
    peer = "device_id" if entity == "user" else "user_id"
    return [
        Event(
            batch.event_id[row],
            int(batch.time_ms[row]),
            int(batch.amount[row]),
            batch.entity_ids(entity)[row],
            str(batch.text[peer][row]),
            int(country[row]),
        )
        for row in range(len(batch))
    ]


def as_oracle(row: np.ndarray) -> dict[str, int] | None:
    """A row of kernel output in the oracle's words."""
    if row[0] == ABSENT:
        return None
    result = {}
    for index, name in enumerate(WINDOWS):
        result[f"count_{name}"] = int(row[Quantity.COUNT + index])
        result[f"spend_{name}"] = int(row[Quantity.SPEND + index])
        result[f"peers_{name}"] = int(row[Quantity.PEERS + index])
        result[f"countries_{name}"] = int(row[Quantity.COUNTRIES + index])
    result["same_amount"] = int(row[Quantity.SAME_AMOUNT_1M])
    result["since_previous"] = int(row[Quantity.SINCE_PREVIOUS_MS])
    result["age"] = int(row[Quantity.AGE_MS])
    result["truncated"] = int(row[Quantity.TRUNCATED])
    return result
