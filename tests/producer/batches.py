"""Events for the tests of the producer: random ones, and plain ones at given times."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.batch import AMOUNT_SCALE, MAX_AMOUNT, EventBatch, order_keys
from features.profiles import profile_spec

START = 1_420_070_400_000  # 2015-01-01
_END = 7_289_654_400_000

_times = st.integers(0, _END - 1)
_words = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=12
)
_unknown_words = st.none() | _words
_addresses = (
    st.none()
    | st.ip_addresses(v=4).map(str)
    | st.ip_addresses(v=6).map(lambda address: str(_plain(address)))
)
_ages = st.just(float("nan")) | st.integers(0, 150).map(float) | st.floats(0, 150)
_components = st.floats(-1e15, 1e15, exclude_min=True, exclude_max=True)


def _plain(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    mapped = getattr(address, "ipv4_mapped", None)
    return address if mapped is None else mapped


@st.composite
def batches(draw: st.DrawFn, profile: str) -> EventBatch:
    """Any batch that validation could have accepted."""
    ids = draw(st.lists(_words, min_size=1, max_size=8, unique=True))
    size = len(ids)

    def column(values: st.SearchStrategy[object]) -> list[object]:
        return draw(st.lists(values, min_size=size, max_size=size))

    strategies: dict[str, st.SearchStrategy[object]] = {
        "user_id": _words,
        "device_id": _words,
        "ip_address": _addresses,
        "signup_ms": _times.map(float),
        "age": _ages,
    }
    spec = profile_spec(profile)
    return EventBatch(
        profile=profile,
        event_id=ids,
        order_id=order_keys(ids),
        time_ms=np.array(column(_times), np.int64),
        amount=np.array(column(st.integers(0, MAX_AMOUNT * AMOUNT_SCALE)), np.int64),
        text={name: column(strategies.get(name, _unknown_words)) for name in spec.text},  # type: ignore[misc]
        number={
            name: np.array(column(strategies.get(name, _components)), np.float64)
            for name in spec.number
        },
    )


def plain_batch(
    times_ms: Sequence[int], ids: Sequence[str] | None = None, users: int = 50
) -> EventBatch:
    """E-commerce events at the given times, the users taking turns."""
    size = len(times_ms)
    names = [f"e{i:06d}" for i in range(size)] if ids is None else list(ids)
    time = np.array(times_ms, np.int64)
    return EventBatch(
        profile="ecommerce",
        event_id=names,
        order_id=order_keys(names),
        time_ms=time,
        amount=np.arange(size, dtype=np.int64) * 12_500,
        text={
            "user_id": [f"u{i % users}" for i in range(size)],
            "device_id": [f"d{i % 7}" for i in range(size)],
            "source": ["SEO"] * size,
            "browser": [None] * size,
            "sex": ["F"] * size,
            "ip_address": ["203.0.113.7"] * size,
        },
        number={"signup_ms": (time - 60_000).astype(np.float64), "age": np.full(size, 30.0)},
    )


def labels_of(batch: EventBatch) -> NDArray[np.int8]:
    """Every third event is fraud."""
    labels: NDArray[np.int8] = (np.arange(len(batch)) % 3 == 0).astype(np.int8)
    return labels
