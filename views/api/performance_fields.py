"""How good alerts were, as the API, the command and the page's CSV write it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, Field

from features.iso_times import iso_time
from views.api.shapes import OR_CSV
from views.live_performance import Figures, Interval, Performance

#: Figures that have an interval.
_SHARES = ("precision", "recall", "f1")


class Estimate(BaseModel):
    """A share and its interval at 95 %."""

    value: float
    low: float
    high: float


class FiguresRow(BaseModel):
    """Of some mature events; amounts in currency units."""

    events: int
    alerts: int
    labelled: int
    control_events: int = Field(description="Blocked by the model and let through to review.")
    true_positives: int = Field(description="Labelled as fraud, with an alert.")
    false_positives: int = Field(description="Labelled as not fraud, with an alert.")
    false_negatives: int = Field(description="Labelled as fraud, without an alert.")
    true_negatives: int = Field(description="Labelled as not fraud, without an alert.")
    weighted: bool = Field(
        description="Whether what follows is estimated, with control events in the place of all "
        "that were blocked."
    )
    precision: Estimate | None = Field(description="Fraud among labelled alerts (Wilson).")
    recall: Estimate | None = Field(description="Alerts among labelled fraud (Wilson).")
    f1: Estimate | None = Field(description="Of both (Wilson, by way of TP / (TP + FP + FN)).")
    value_caught: float = Field(description="Of fraud with an alert.")
    value_missed: float = Field(description="Of fraud without one.")


class BucketRow(FiguresRow):
    """A version in a step of time."""

    bucket: str = Field(description="Its beginning, ISO 8601 UTC.")
    version: str
    average_precision: float | None


class BandRow(BaseModel):
    """Labelled events of which the scores are alike: is the score the share of fraud?"""

    above: float
    up_to: float
    labelled: int
    mean_score: float
    fraud: Estimate = Field(description="Share of fraud (Wilson).")


class VersionRow(FiguresRow):
    """A version over the whole span."""

    version: str
    average_precision: Estimate | None = Field(description="Interval by bootstrap.")
    calibration: list[BandRow]


class PerformanceAnswer(BaseModel):
    """How good alerts were, as far as labels say."""

    model_config = OR_CSV

    profile: str
    from_: str | None = Field(alias="from", description="As asked.")
    to: str | None = Field(description="As asked.")
    bucket: str
    mature_days: int
    mature_to: str | None = Field(description="Only events before count; null: there are none.")
    mature_events: int
    not_mature_events: int = Field(description="Events of the span that do not count yet.")
    labelled_share: float | None = Field(description="Of the mature events, 0 to 1.")
    versions: list[VersionRow]
    buckets: list[BucketRow] = Field(description="By time, then version; empty ones left out.")
    currency: str


#: Columns of the steps as CSV.
COLUMNS = (
    "bucket", "version", "events", "alerts", "labelled", "control_events", "true_positives",
    "false_positives", "false_negatives", "true_negatives", "weighted",
    *(f"{name}{end}" for name in _SHARES for end in ("", "_low", "_high")),
    "average_precision", "value_caught", "value_missed",
)  # fmt: skip


def fields_of(found: Performance) -> dict[str, Any]:
    """The fields of ``PerformanceAnswer`` that come from a store."""
    return {
        "mature_to": None if found.mature_to_ms is None else iso_time(found.mature_to_ms),
        "mature_events": found.mature,
        "not_mature_events": found.not_mature,
        "labelled_share": found.labelled / found.mature if found.mature else None,
        "versions": [
            {
                "version": one.version,
                **_figures(one.figures),
                "average_precision": _estimate(one.average_precision),
                "calibration": [asdict(band) for band in one.calibration],
            }
            for one in found.versions
        ],
        "buckets": [
            {"bucket": iso_time(one.start_ms), "version": one.version, **_figures(one.figures)}
            for one in found.rows
        ],
    }


def flat(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Its steps as rows of ``COLUMNS``."""
    return [{**row, **_flat(row)} for row in answer["buckets"]]


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for name in _SHARES:
        estimate = row[name] or {}
        found[name] = estimate.get("value")
        found[f"{name}_low"], found[f"{name}_high"] = estimate.get("low"), estimate.get("high")
    return found


def _figures(one: Figures) -> dict[str, Any]:
    found = asdict(one)
    found["control_events"] = found.pop("controls")
    return found


def _estimate(one: Interval | None) -> dict[str, float] | None:
    return None if one is None else asdict(one)
