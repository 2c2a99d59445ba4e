"""Synthetic labelled events: honest customers, and bursts of quick sign-ups on one device."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from features.batch import EventBatch, order_keys
from features.countries import CountryTable, load_country_table

START = 1_420_070_400_000  # 2015-01-01T00:00:00Z
DAY = 86_400_000
SPAN = 40 * DAY
RING = 6
HEADER = (
    "user_id", "signup_time", "purchase_time", "purchase_value", "device_id", "source", "browser",
    "sex", "age", "ip_address", "class",
)  # fmt: skip


def labelled_events(size: int = 1_200, seed: int = 5) -> tuple[EventBatch, NDArray[np.int8]]:
    """About 10 % fraud, half of it in bursts; some honest customers are as quick as the bursts."""
    rng = np.random.default_rng(seed)
    time = START + rng.integers(0, SPAN, size)
    lag = rng.integers(240_000, 60 * DAY, size)
    lag[rng.random(size) < 0.01] = 1_000
    device = np.arange(size)
    fraud = rng.random(size) < 0.05
    for first in rng.choice(size - RING, size // 120, replace=False):
        burst = slice(first, first + RING)
        time[burst] = time[first] + rng.integers(0, 30_000, RING)
        lag[burst], device[burst], fraud[burst] = 1_000, first, True
    names = [f"e-{row:06d}" for row in range(size)]
    pick = rng.integers(0, 3, (3, size))
    batch = EventBatch(
        profile="ecommerce",
        event_id=names,
        order_id=order_keys(names),
        time_ms=time,
        amount=rng.integers(5, 150, size) * 10_000,
        text={
            "user_id": [f"u{row}" for row in range(size)],
            "device_id": [f"d{one}" for one in device],
            "source": [("SEO", "Ads", "Direct")[i] for i in pick[0]],
            "browser": [("Chrome", "IE", "Safari")[i] for i in pick[1]],
            "sex": [("F", "M", None)[i] for i in pick[2]],
            "ip_address": [f"8.8.{one // 256}.{one % 256}" for one in device],
        },
        number={
            "signup_ms": (time - lag).astype(np.float64),
            "age": np.where(rng.random(size) < 0.1, np.nan, rng.integers(18, 70, size)),
        },
    )
    return batch, fraud.astype(np.int8)


def joined(first: EventBatch, second: EventBatch) -> EventBatch:
    """Both batches, one after the other."""
    return EventBatch(
        profile=first.profile,
        event_id=first.event_id + second.event_id,
        order_id=np.concatenate([first.order_id, second.order_id]),
        time_ms=np.concatenate([first.time_ms, second.time_ms]),
        amount=np.concatenate([first.amount, second.amount]),
        text={name: first.text[name] + second.text[name] for name in first.text},
        number={
            name: np.concatenate([first.number[name], second.number[name]]) for name in first.number
        },
    )


def renamed(batch: EventBatch, prefix: str) -> EventBatch:
    """The same events under other ids."""
    names = [prefix + name for name in batch.event_id]
    return replace(batch, event_id=names, order_id=order_keys(names))


def countries() -> CountryTable:
    """The table that comes with the product."""
    return load_country_table(None)


def write_csv(
    path: Path, batch: EventBatch, label: NDArray[np.int8], with_label: bool = True
) -> Path:
    """The events as a file in the columns of the e-commerce data."""

    def moment(time_ms: float) -> str:
        return str(np.datetime64(int(time_ms), "ms").astype("datetime64[s]")).replace("T", " ")

    text, number = batch.text, batch.number
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER if with_label else HEADER[:-1])
        for row in range(len(batch)):
            age = number["age"][row]
            line = [
                text["user_id"][row],
                moment(number["signup_ms"][row]),
                moment(batch.time_ms[row]),
                f"{batch.amount[row] / 10_000:.2f}",
                text["device_id"][row],
                text["source"][row],
                text["browser"][row],
                text["sex"][row] or "",
                "" if np.isnan(age) else int(age),
                text["ip_address"][row],
            ]
            writer.writerow([*line, int(label[row])] if with_label else line)
    return path
