"""Files with one thing planted in them, and what is found there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from features.batch import EventBatch
from features.csv_source import CsvData, read_transactions
from model.exploration import Exploration, explore
from model.exploration.events import Events, events_of
from model.exploration.finding import Finding
from tests.model.events import DAY, START, countries, labelled_events, write_csv


def data_of(
    batch: EventBatch, label: NDArray[np.int8], folder: Path, *, labels: bool = True
) -> CsvData:
    """The events, written and read again."""
    path = write_csv(folder / "events.csv", batch, label, with_label=labels)
    return read_transactions(path, rejects=folder / "rejects.csv")


def events(batch: EventBatch, label: NDArray[np.int8]) -> Events:
    """The events without a file."""
    nothing = np.full(len(batch), np.nan)
    line = np.arange(len(batch)) + 2
    return events_of(CsvData(batch, line, label, nothing, report=None), countries())  # type: ignore[arg-type]


def explored(batch: EventBatch, label: NDArray[np.int8], folder: Path) -> Exploration:
    """What is found in a file of these events."""
    return explore(data_of(batch, label, folder), countries())


def finding(found: Exploration, code: str) -> Finding:
    """The only finding of this code."""
    (one,) = (one for one in found.findings if one.code == code)
    return one


def quiet(size: int = 600) -> tuple[EventBatch, NDArray[np.int8]]:
    """Customers of one purchase each, evenly over forty days; every tenth is a fraud."""
    batch, _ = labelled_events(size, seed=11)
    rng = np.random.default_rng(3)
    time = START + np.arange(size) * (40 * DAY // size)
    batch = replace(
        batch,
        time_ms=time,
        text={
            **batch.text,
            "user_id": [f"u{row:07d}" for row in range(size)],
            "device_id": [f"d{row:07d}" for row in range(size)],
            "ip_address": [f"8.8.{row // 200}.{row % 200 + 1}" for row in range(size)],
        },
        number={
            "signup_ms": (time - rng.integers(1, 40, size) * DAY).astype(np.float64),
            "age": rng.integers(18, 70, size).astype(np.float64),
        },
    )
    label = np.zeros(size, np.int8)
    label[rng.permutation(size)[: size // 10]] = 1
    return batch, label
