"""Random events for property tests: ties, shared devices, gaps at borders, repeats."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import product

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.batch import AMOUNT_SCALE, MAX_AMOUNT, EventBatch, order_key, order_keys
from features.countries import CountryTable, load_country_table
from features.declared import HORIZON_MS, LOOK_BACK_MS, WINDOWS
from features.profiles import VECTOR, profile_spec
from features.quantities import ABSENT, Quantity
from tests.features.oracle import Event

PROFILES = ("ecommerce", "banking")
START = 1_700_000_000_000
#: Lengths that mean something to the state.
BORDERS = (*WINDOWS.values(), LOOK_BACK_MS, HORIZON_MS, LOOK_BACK_MS + HORIZON_MS)
#: Gaps that fall on, just before and just after them, and some that make ties and crowds.
GAPS = (0, 0, 0, 0, 1, 999, 20_000, *(one + step for one in BORDERS for step in (-1, 0, 1)))
#: Ids of all lengths; of the long ones some differ only in what their order key hashes.
IDS = (
    *("".join(letters) for size in (1, 2, 3) for letters in product("ab-9Z", repeat=size)),
    *("k" * size for size in (31, 32, 39, 40, 41, 42, 60)),
    *("k" * 32 + letter * 9 for letter in "xyzé"),
)
AMOUNTS = (0, 10_000, 10_000, 123_456, MAX_AMOUNT * AMOUNT_SCALE)
#: Address → code of its country. Four of the codes differ by multiples of 64: the kernel keeps the
#: countries it saw in words of 64 bits.
COUNTRY_OF = {
    "1.1.1.1": 41,
    "2.2.2.2": 105,
    "3.3.3.3": 169,
    "8.8.8.8": 233,
    "2001:4860:4860::8888": 233,
    "10.0.0.1": 0,
}
ADDRESSES = (*COUNTRY_OF, None)
#: v1 and v28; the first two vectors are equal as numbers.
VECTORS = ((0.0, 0.0), (-0.0, 0.0), (1.5, 0.0), (0.0, 1e-9))

Quantities = dict[str, NDArray[np.int64]]


@st.composite
def arrivals(
    draw: st.DrawFn,
    profile: str | None = None,
    max_size: int = 40,
    max_repeats: int = 8,
    longest_gap_ms: int = max(GAPS),
) -> EventBatch:
    """Events in a random order of arrival, among them exact repeats of others.

    Args:
        draw: given by Hypothesis.
        profile: of the events; None: of either.
        max_size: how many different events there are at most.
        max_repeats: how many repeats there are at most.
        longest_gap_ms: how long, about, a history may be; many are shorter.
    """
    if profile is None:
        profile = draw(st.sampled_from(PROFILES))
    longest = draw(st.sampled_from((longest_gap_ms, WINDOWS["24h"] + 1, WINDOWS["1m"] + 1)))
    gaps = [gap for gap in GAPS if gap <= min(longest, longest_gap_ms)]
    columns: tuple[Sequence[object], ...] = (
        IDS,
        sorted({START + anchor + gap for anchor in (0, 1, 60_000) for gap in gaps}),
        AMOUNTS,
    )
    if profile == "ecommerce":
        columns += ("uuvw", "ddde", ADDRESSES)
    else:
        columns += (("c", "c", "f", None), VECTORS)
    size = draw(st.integers(1, max_size))
    rows = draw(
        st.lists(
            st.tuples(*map(st.sampled_from, columns)),
            min_size=size, max_size=size, unique_by=lambda row: row[0],
        )
    )  # fmt: skip
    make = make_batch if profile == "ecommerce" else make_banking_batch
    return make(*zip(*rows, strict=True)).take(draw(_with_repeats(size, max_repeats)))


@st.composite
def _with_repeats(draw: st.DrawFn, size: int, max_repeats: int) -> list[int]:
    """The numbers below ``size``, with some of them once more at random places."""
    order = list(range(size))
    once_more = st.tuples(st.integers(0, size - 1), st.integers(0, size + max_repeats))
    for row, place in draw(st.lists(once_more, max_size=max_repeats)):
        order.insert(place, row)
    return order


def micro_batches() -> st.SearchStrategy[list[int]]:
    """Sizes of micro-batches, to be used in turn."""
    return st.lists(st.integers(1, 12), min_size=1, max_size=4)


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


def make_banking_batch(
    ids: Sequence[str],
    time: Sequence[int],
    amount: Sequence[int],
    cards: Sequence[str | None],
    vectors: Sequence[tuple[float, float]],
) -> EventBatch:
    """A banking batch; of the vectors, v1 and v28 are given."""
    n = len(ids)
    number = {name: np.full(n, 0.25) for name in VECTOR}
    number["v1"], number["v28"] = np.array(vectors, np.float64).reshape(n, 2).T
    return EventBatch(
        profile="banking",
        event_id=list(ids),
        order_id=order_keys(ids),
        time_ms=np.array(time, np.int64),
        amount=np.array(amount, np.int64),
        text={"card_id": list(cards)},
        number=number,
    )


class FewCountries(CountryTable):
    """Gives each address the country of ``COUNTRY_OF``; the others have none."""

    digest = "few"
    source = "made up"

    def codes(self, addresses: Sequence[str | None]) -> NDArray[np.int16]:
        return np.array([COUNTRY_OF.get(str(one), 0) for one in addresses], np.int16)


TABLE = FewCountries()


@cache
def country_table() -> CountryTable:
    """The built-in table, loaded once."""
    return load_country_table(None)


def country_of(batch: EventBatch) -> NDArray[np.int16]:
    """Country code of each event."""
    return TABLE.codes(batch.text.get("ip_address", [None] * len(batch)))


def events_of(batch: EventBatch) -> dict[str, list[Event]]:
    """The batch as the oracle wants it, for each kind of entity."""
    country = country_of(batch).tolist()
    ids = [order_key(event_id) for event_id in batch.event_id]
    times, amounts = batch.time_ms.tolist(), batch.amount.tolist()
    events = {}
    for entity in profile_spec(batch.profile).entities:
        who = _who(batch, entity)
        peers = _who(batch, {"user": "device"}.get(entity, "user"))
        events[entity] = list(map(Event, ids, times, amounts, who, map(str, peers), country))
    return events


def _who(batch: EventBatch, entity: str) -> list[str | None]:
    column = {"user": "user_id", "device": "device_id", "ip": "ip_address", "card": "card_id"}
    if entity == "vector":
        numbers = np.column_stack([batch.number[name] for name in VECTOR]) + 0.0
        return [str(row) for row in numbers.tolist()]
    return batch.text.get(column[entity], [None] * len(batch))


def as_oracle(row: NDArray[np.int64]) -> dict[str, int] | None:
    """A row of kernel output in the oracle's words."""
    if row[0] == ABSENT:
        assert (row == ABSENT).all()
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
    result["overtaken"] = int(row[Quantity.OVERTAKEN])
    return result
