"""What the endpoints answer: the fields, their meaning, and how they come from counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, Field, RootModel

from features.batch import AMOUNT_SCALE
from features.iso_times import iso_time
from views.counts import Counts
from views.store import Labelled, Place, Record


class CountRow(BaseModel):
    """Counts of some events; amounts in currency units."""

    transactions: int = Field(description="Scored events.")
    alerts: int | None = Field(description="To be reviewed or blocked; null without a model.")
    fraud: int | None = Field(description="Labelled as fraud; null where no event has a label.")
    labelled_transactions: int = Field(description="Events of which the truth is known.")
    amount: float
    alert_amount: float | None
    fraud_amount: float | None


class TrendRow(CountRow):
    """Counts of a step of time."""

    bucket: str = Field(description="Its beginning, ISO 8601 UTC.")


class CountryRow(CountRow):
    """Counts of a country."""

    country: str = Field(description="ISO 3166-1 alpha-2, or unknown.")
    name: str


class DeviceRow(CountRow):
    """Counts of a device."""

    device_id: str
    users: int = Field(description="Distinct users among its events.")


class BrowserRow(CountRow):
    """Counts of a browser."""

    browser: str = Field(description="As it came, or unknown.")


class SourceRow(CountRow):
    """Counts of a marketing source."""

    source: str = Field(description="As it came, or unknown.")


class SexRow(CountRow):
    """Counts of a sex."""

    sex: str = Field(description="As it came, or unknown.")


class AgeRow(CountRow):
    """Counts of an age band."""

    age: str = Field(description="Band in years, or unknown.")


class Summary(BaseModel):
    """Key figures of a span; percentages in percent; precision and recall of alerts, by labels."""

    profile: str
    from_: str | None = Field(alias="from", description="As asked, else time of the first event.")
    to: str | None = Field(description="As asked, else time of the last event.")
    total_transactions: int
    total_alerts: int | None = Field(description="Null without a model.")
    total_fraud_cases: int | None = Field(description="Null where no event has a label.")
    labelled_transactions: int
    fraud_percentage: float | None = Field(description="Fraud among labelled events.")
    alert_percentage: float | None = Field(description="Alerts among all events.")
    amount: float
    alert_amount: float | None
    fraud_amount: float | None
    precision: float | None = Field(description="Fraud among labelled alerts, 0 to 1.")
    recall: float | None = Field(description="Alerts among fraud, 0 to 1.")
    currency: str
    live: bool = Field(description="Whether more events may come.")


#: Of what can be had as CSV, too.
OR_CSV: Any = {"openapi_extra": {"content": {"text/csv": {"schema": {"type": "string"}}}}}


class Trend(RootModel[list[TrendRow]]):
    """Steps of time, ascending, empty ones included."""

    model_config = OR_CSV


class Countries(RootModel[list[CountryRow]]):
    """Countries, most alerts first."""

    model_config = OR_CSV


class Devices(RootModel[list[DeviceRow]]):
    """Devices with alerts or fraud, most alerts first."""

    model_config = OR_CSV


class Browsers(RootModel[list[BrowserRow]]):
    """Browsers, most alerts first."""

    model_config = OR_CSV


class Sources(RootModel[list[SourceRow]]):
    """Sources, most alerts first."""

    model_config = OR_CSV


class Sexes(RootModel[list[SexRow]]):
    """Sexes, most alerts first."""

    model_config = OR_CSV


class Ages(RootModel[list[AgeRow]]):
    """Age bands, most alerts first."""

    model_config = OR_CSV


class Alerts(BaseModel):
    """Alerts, the latest event first."""

    model_config = OR_CSV

    alerts: list[dict[str, Any]] = Field(
        description="As on the topic of alerts, with label (1 fraud, 0 not, null unknown) and case "
        "(null over a file)."
    )
    next_cursor: str | None = Field(description="cursor of the next page; null: there is none.")


class EarlierEvent(BaseModel):
    """An event on the device of an alert."""

    event_id: str
    event_time: str
    user_id: str | None
    device_id: str | None
    country: str | None
    browser: str | None
    source: str | None
    sex: str | None
    age: float | None
    amount: float
    decision: str | None
    score: float | None
    label: int | None


class LabelRow(BaseModel):
    """One of the labels of an event."""

    label: int = Field(description="1 fraud, 0 not.")
    labelled_at: str
    source: str = Field(description="Who says so.")


class AlertDetails(BaseModel):
    """An alert, what its device did before, and the model that found it."""

    alert: dict[str, Any]
    earlier_on_device: list[EarlierEvent] = Field(description="The latest first.")
    labels: list[LabelRow] = Field(
        description="The latest ten of the event, the latest first; the first one counts."
    )
    model: dict[str, Any] | None = Field(description="As in /models; null where it is gone.")


def count_row(counts: Counts, scored: bool) -> dict[str, Any]:
    """The fields of ``CountRow``."""
    known = bool(counts.labelled) or not counts.transactions
    return {
        "transactions": counts.transactions,
        "alerts": counts.alerts if scored else None,
        "fraud": counts.fraud if known else None,
        "labelled_transactions": counts.labelled,
        "amount": counts.amount / AMOUNT_SCALE,
        "alert_amount": counts.alert_amount / AMOUNT_SCALE if scored else None,
        "fraud_amount": counts.fraud_amount / AMOUNT_SCALE if known else None,
    }


def summary_figures(counts: Counts, scored: bool) -> dict[str, Any]:
    """The fields of ``Summary`` that come from counts."""
    row = count_row(counts, scored)
    return {
        "total_transactions": row["transactions"],
        "total_alerts": row["alerts"],
        "total_fraud_cases": row["fraud"],
        "labelled_transactions": counts.labelled,
        "fraud_percentage": _ratio(100 * counts.fraud, counts.labelled),
        "alert_percentage": _ratio(100 * counts.alerts, counts.transactions) if scored else None,
        "amount": row["amount"],
        "alert_amount": row["alert_amount"],
        "fraud_amount": row["fraud_amount"],
        "precision": _ratio(counts.caught, counts.labelled_alerts) if scored else None,
        "recall": _ratio(counts.caught, counts.fraud) if scored else None,
    }


def ranked(found: Mapping[str, Counts], limit: int) -> Iterable[tuple[str, Counts]]:
    """By alerts, fraud and transactions, most first, then by value."""
    return sorted(
        found.items(),
        key=lambda one: (-one[1].alerts, -one[1].fraud, -one[1].transactions, one[0]),
    )[:limit]


def earlier_event(record: Record) -> dict[str, Any]:
    """The fields of ``EarlierEvent``."""
    return {
        **place_fields(record.place),
        "user_id": record.user_id,
        "device_id": record.device_id,
        "country": record.country,
        "browser": record.browser,
        "source": record.source,
        "sex": record.sex,
        "age": record.age,
        "amount": record.amount / AMOUNT_SCALE,
        "decision": record.decision,
        "score": record.score,
        "label": record.label,
    }


def label_row(one: Labelled) -> dict[str, Any]:
    """The fields of ``LabelRow``."""
    return {
        "label": one.label, "labelled_at": iso_time(one.labelled_ms), "source": one.source
    }  # fmt: skip


def place_fields(place: Place) -> dict[str, str]:
    """Id and time of an event."""
    return {"event_id": place.event_id, "event_time": iso_time(place.time_ms)}


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
