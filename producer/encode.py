"""Events and labels as the bytes that go to Kafka (contract, "Event" and ``fraud-labels``).

Promise: reading the bytes of an event back gives the same event, to the last bit: amounts as the
shortest decimal number of the same 10⁻⁴ units, times in UTC to the millisecond, other numbers as
the shortest decimals of the same float64. Unknown fields are null.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isnan
from typing import Any, cast

import msgspec
import numpy as np
import orjson
from numpy.typing import NDArray

from core.messages import Label, ProfileName
from core.names import SCHEMA_VERSION
from features.batch import AMOUNT_SCALE, EventBatch
from features.iso_times import iso_times
from features.profiles import VECTOR


def amounts(units: NDArray[np.int64]) -> list[int | float]:
    """Currency amounts of 10⁻⁴ units: whole ones as int, others as float64.

    An accepted amount has at most 14 significant digits, and the shortest decimal of the float64
    nearest to such a number is that number itself.
    """
    values: list[int | float] = (units / AMOUNT_SCALE).tolist()
    for i in np.flatnonzero(units % AMOUNT_SCALE == 0).tolist():
        values[i] = int(values[i])
    return values


def encode_events(batch: EventBatch) -> list[bytes]:
    """One JSON object per event of ``batch``, in its order."""
    dumps = orjson.dumps
    return [dumps(row) for row in event_fields(batch)]


def event_fields(batch: EventBatch) -> Iterable[dict[str, Any]]:
    """The fields of each event of ``batch`` as JSON has them, in its order."""
    return _ecommerce(batch) if batch.profile == "ecommerce" else _banking(batch)


def encode_labels(
    profile: str,
    event_ids: Sequence[str],
    labels: NDArray[np.int8],
    labelled_ms: NDArray[np.int64],
    source: str,
) -> list[bytes]:
    """One ``fraud-labels`` message per event id.

    Args:
        profile: name of the profile.
        event_ids: n ids.
        labels: 1 for fraud, 0 for honest, shape (n,).
        labelled_ms: when each became known, milliseconds since 1970 UTC, shape (n,).
        source: who says so.
    """
    name = cast(ProfileName, profile)
    encode = msgspec.json.Encoder().encode
    columns = zip(event_ids, labels.tolist(), iso_times(labelled_ms), strict=True)
    return [
        encode(
            Label(
                event_id=event_id,
                profile=name,
                label=label,
                labelled_at=labelled_at,
                source=source,
            )
        )
        for event_id, label, labelled_at in columns
    ]


def _ecommerce(batch: EventBatch) -> Iterable[dict[str, Any]]:
    text = batch.text
    columns = zip(
        batch.event_id,
        text["user_id"],
        iso_times(batch.number["signup_ms"].astype(np.int64)),
        iso_times(batch.time_ms),
        amounts(batch.amount),
        text["device_id"],
        text["source"],
        text["browser"],
        text["sex"],
        _numbers(batch.number["age"]),
        text["ip_address"],
        strict=True,
    )
    for event_id, user, signup, time, amount, device, source, browser, sex, age, ip in columns:
        yield {
            "schema": SCHEMA_VERSION,
            "event_id": event_id,
            "user_id": user,
            "signup_time": signup,
            "purchase_time": time,
            "purchase_value": amount,
            "device_id": device,
            "source": source,
            "browser": browser,
            "sex": sex,
            "age": age,
            "ip_address": ip,
        }


def _banking(batch: EventBatch) -> Iterable[dict[str, Any]]:
    matrix = np.column_stack([batch.number[name] for name in VECTOR]).tolist()
    columns = zip(
        batch.event_id,
        iso_times(batch.time_ms),
        matrix,
        amounts(batch.amount),
        batch.text["card_id"],
        strict=True,
    )
    for event_id, time, vector, amount, card in columns:
        yield {
            "schema": SCHEMA_VERSION,
            "event_id": event_id,
            "time": time,
            **dict(zip(VECTOR, vector, strict=True)),
            "amount": amount,
            "card_id": card,
        }


def _numbers(values: NDArray[np.float64]) -> list[int | float | None]:
    """Whole numbers as int, so that an age reads 39 and not 39.0; None where unknown."""
    return [
        None if isnan(value) else int(value) if value.is_integer() else value
        for value in values.tolist()
    ]
