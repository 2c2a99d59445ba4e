"""What ``fraudstream features --explain`` found, as JSON types, and what one event looks like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from features.batch import AMOUNT_SCALE
from features.csv_source import CsvData
from features.declared import COUNTRIES, WINDOWS
from features.explain import Explanation, Past
from features.iso_times import iso_time
from features.offline import FeatureTable
from features.profiles import profile_spec


@dataclass(frozen=True, slots=True)
class Line:
    """One event of the file.

    Attributes:
        event_id: its id.
        row: line of the CSV at which it begins; the header is line 1.
        time_ms: event time, ms since 1970 UTC.
        amount: currency units.
        who: column name → id, None where unknown: who stands behind the event.
        country: ISO 3166-1 alpha-2 or ``unknown``; None where the profile has no addresses.
    """

    event_id: str
    row: int
    time_ms: int
    amount: float
    who: dict[str, str | None]
    country: str | None


def line_of(data: CsvData, table: FeatureTable, row: int) -> Line:
    """The event that stands in ``row`` of the batch."""
    batch = data.batch
    country = None
    if "country" in table.names:
        country = COUNTRIES[int(table.matrix[row, table.names.index("country")])]
    ids = ("user_id", "device_id", "ip_address", "card_id")
    return Line(
        event_id=batch.event_id[row],
        row=int(data.line[row]),
        time_ms=int(batch.time_ms[row]),
        amount=int(batch.amount[row]) / AMOUNT_SCALE,
        who={name: batch.text[name][row] for name in ids if name in batch.text},
        country=country,
    )


def windows_of(gap_ms: int) -> list[str]:
    """Names of the windows that hold an event of that long ago, ascending."""
    return [name for name, length in WINDOWS.items() if gap_ms < length]


def plain(value: np.float32) -> float | None:
    """The shortest decimals that read back as the same float32; None for NaN."""
    return None if np.isnan(value) else float(str(value))


def explanation_as_dict(
    explanation: Explanation, data: CsvData, table: FeatureTable
) -> dict[str, Any]:
    """Everything: the event, its entities with their earlier events, and its features."""
    ids = data.batch.event_id
    return {
        "event": _event(data, table, explanation.row),
        "entities": [_entity(past, data, table) for past in explanation.pasts.values()],
        "features": [
            {
                "name": one.feature.name,
                "value": plain(one.value),
                "category": (
                    one.feature.categories[int(one.value)] if one.feature.categories else None
                ),
                "unit": one.feature.unit,
                "meaning": one.feature.meaning,
                "entity": one.feature.entity or None,
                "window": one.feature.window or None,
                "events": [ids[row] for row in explanation.rows(one).tolist()],
            }
            for one in explanation.features
        ],
    }


def _line(line: Line) -> dict[str, Any]:
    country = {} if line.country is None else {"country": line.country}
    return {
        "event_id": line.event_id,
        "row": line.row,
        "time": iso_time(line.time_ms),
        "amount": line.amount,
        **line.who,
        **country,
    }


def _event(data: CsvData, table: FeatureTable, row: int) -> dict[str, Any]:
    """The line, and the fields that only the event's own features read."""
    spec = profile_spec(data.batch.profile)
    event = _line(line_of(data, table, row))
    event |= {name: data.batch.text[name][row] for name in spec.text}
    for name in spec.number:
        value = float(data.batch.number[name][row])
        known = not np.isnan(value)
        if name == "signup_ms":
            event["signup_time"] = iso_time(int(value)) if known else None
        else:
            event[name] = value if known else None
    label = int(data.label[row])
    return {"profile": spec.name, **event, "label": None if label < 0 else label}


def _entity(past: Past, data: CsvData, table: FeatureTable) -> dict[str, Any]:
    return {
        "entity": past.entity,
        "id": past.whom,
        "truncated": past.truncated,
        "events": [
            {
                **_line(line_of(data, table, row)),
                "seconds_before": gap_ms / 1000,
                "windows": windows_of(gap_ms),
            }
            for row, gap_ms in zip(past.rows.tolist(), past.gap_ms.tolist(), strict=True)
        ],
    }
