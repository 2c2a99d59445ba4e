"""How good alerts were, against pandas over the file: equal, not close."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from sklearn.metrics import average_precision_score

from core.names import DAY_MS
from producer.sample import SampleOptions, write_sample
from tests.views.world import World, world_of
from views.live_performance import MATURE_DAYS


def mature(table: pd.DataFrame, days: int = MATURE_DAYS) -> pd.DataFrame:
    """Events of days that ended so many days before the newest event, or earlier."""
    newest = table["time"].max()
    end = newest.floor("D") + pd.Timedelta("1D") if not days else newest - pd.Timedelta(days, "D")
    found: pd.DataFrame = table[table["time"] < end.floor("D")]
    return found


def ask(client: FlaskClient, query: str = "") -> Any:
    response = client.get(f"/performance{query}")
    assert response.status_code == 200, response.get_data(as_text=True)
    return response.get_json()


def check_row(row: dict[str, Any], events: pd.DataFrame) -> None:
    known = events[events["label"].notna()]
    fraud, alert = known["label"] == 1, known["alert"] == 1
    units = (known["amount"] * 10_000).round().astype("int64")
    assert (row["events"], row["alerts"]) == (len(events), events["alert"].sum())
    assert row["labelled"] == len(known)
    assert row["true_positives"] == (fraud & alert).sum()
    assert row["false_positives"] == (~fraud & alert).sum()
    assert row["false_negatives"] == (fraud & ~alert).sum()
    assert row["true_negatives"] == (~fraud & ~alert).sum()
    for name, part, whole in (
        ("precision", (fraud & alert).sum(), alert.sum()),
        ("recall", (fraud & alert).sum(), fraud.sum()),
        ("f1", 2 * (fraud & alert).sum(), alert.sum() + fraud.sum()),
    ):
        if whole:
            assert row[name]["value"] == part / whole
            assert row[name]["low"] <= row[name]["value"] <= row[name]["high"]
        else:
            assert row[name] is None
    assert row["value_caught"] == units[fraud & alert].sum() / 10_000
    assert row["value_missed"] == units[fraud & ~alert].sum() / 10_000


def check(world: World, days: int) -> None:
    client, table = world.client(), mature(world.table, days)
    for bucket, frequency in (("day", "D"), ("week", "W-SUN"), ("month", "M")):
        found = ask(client, f"?mature={days}&bucket={bucket}")
        assert found["mature_events"] == len(table)
        assert found["not_mature_events"] == len(world.table) - len(table)
        assert found["labelled_share"] == table["label"].notna().mean()
        (version,) = found["versions"]
        check_row(version, table)
        periods = table["time"].dt.tz_localize(None).dt.to_period(frequency)
        expected = {f"{one.start_time:%Y-%m-%dT%H:%M:%S}.000Z": rows
                    for one, rows in table.groupby(periods)}  # fmt: skip
        assert [row["bucket"] for row in found["buckets"]] == list(expected)
        for row in found["buckets"]:
            check_row(row, expected[row["bucket"]])
    assert world.events.score is not None
    scores = dict(zip(world.events.event_id, world.events.score, strict=True))
    known = table[table["label"].notna()]
    rounded = known["event_id"].map(scores).astype("float64")
    lower = (np.floor(np.sqrt(rounded) * 200).clip(upper=199) / 200) ** 2
    wanted = average_precision_score(known["label"], lower)
    assert version["average_precision"]["value"] == pytest.approx(wanted, abs=1e-12)
    assert sum(one["labelled"] for one in version["calibration"]) == len(known)


@pytest.mark.parametrize("days", [0, 1, 15])
def test_figures_are_those_of_the_file(world: World, days: int) -> None:
    check(world, days)


def test_over_a_file_every_event_counts_unless_told_otherwise(world: World) -> None:
    found = ask(world.client())
    assert (found["mature_days"], found["mature_events"]) == (0, len(world.table))
    assert found == ask(world.client(), "?mature=0")


@pytest.mark.realdata
def test_figures_are_those_of_the_real_file(real_data: Path, tmp_path: Path) -> None:
    ranges = real_data / "IpAddress_to_Country.csv"
    world = world_of(real_data / "Fraud_Data.csv", tmp_path, ip_table=ranges)
    check(world, MATURE_DAYS)


def test_a_span_is_of_whole_days(world: World) -> None:
    client, table = world.client(), world.table
    day = table["time"].min().floor("D") + pd.Timedelta("5D")
    later = day + pd.Timedelta("3D")
    found = ask(client, f"?mature=1&from={day:%Y-%m-%d}&to={later:%Y-%m-%d}")
    check_row(found["versions"][0], table[(table["time"] >= day) & (table["time"] < later)])
    assert (found["from"], found["not_mature_events"]) == (f"{day:%Y-%m-%dT00:00:00.000Z}", 0)
    refused = client.get(f"/performance?from={day:%Y-%m-%dT01:00:00Z}")
    assert refused.status_code == 422
    assert "ask from or to" in refused.get_json()["detail"]


@pytest.mark.parametrize(
    "query", ["mature=-1", "mature=401", "mature=x", "bucket=hour", "bucket=day&limit=3", "mature="]
)
def test_what_cannot_be_asked_is_refused(world: World, query: str) -> None:
    refused = world.client().get(f"/performance?{query}")
    assert refused.status_code == 400
    assert refused.mimetype == "application/problem+json"


def test_a_span_without_events_has_no_figures(world: World) -> None:
    found = ask(world.client(), "?from=2199-01-01")
    assert (found["mature_events"], found["versions"], found["buckets"]) == (0, [], [])
    assert found["labelled_share"] is None


def test_without_a_model_there_is_nothing_to_say(world: World, tmp_path: Path) -> None:
    found = ask(world_of(world.path, tmp_path, with_model=False).client())
    assert (found["versions"], found["mature_events"]) == ([], 0)


def test_steps_come_as_csv_and_answers_have_a_tag(world: World) -> None:
    client = world.client()
    rows = list(csv.DictReader(io.StringIO(
        client.get("/performance?format=csv&mature=1").get_data(as_text=True)
    )))  # fmt: skip
    found = ask(client, "?mature=1")["buckets"]
    assert len(rows) == len(found)
    for row, one in zip(rows, found, strict=True):
        assert (row["bucket"], row["version"]) == (one["bucket"], one["version"])
        shown = "" if one["precision"] is None else str(one["precision"]["value"])
        assert row["precision"] == shown
    tag = client.get("/performance").headers["ETag"]
    assert client.get("/performance", headers={"If-None-Match": tag}).status_code == 304


def told(world: World) -> dict[tuple[str, ...], float]:
    """Name and labels of every sample → its value."""
    text = world.client().get("/metrics").get_data(as_text=True)
    return {
        (one.name, *dict(sorted(one.labels.items())).values()): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def test_base_rates_are_those_of_the_mature_days_and_of_those_before(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    write_sample(path, SampleOptions(rows=2_000, days=110, fraud_rate=0.1, seed=3))
    long = world_of(path, tmp_path)
    end = (long.table["time"].max() - pd.Timedelta(MATURE_DAYS, "D")).floor("D")
    samples = told(long)
    for window, back in (("newest", 0), ("before", 30)):
        last = end - pd.Timedelta(back, "D")
        inside = (long.table["time"] >= last - pd.Timedelta("30D")) & (long.table["time"] < last)
        rate = (long.table[inside]["label"] == 1).mean()
        assert 0 < rate < 1
        assert samples["fraudstream_labelled_fraud_share", "ecommerce", window] == rate


def test_prometheus_is_told_the_same(world: World) -> None:
    samples = told(world)
    newest = world.table["time"].max()
    end = (newest - pd.Timedelta(MATURE_DAYS, "D")).floor("D")
    first = int(end.timestamp() * 1000) - 30 * DAY_MS
    table = world.table[world.table["time"] < end]
    assert first < int(table["time"].min().timestamp() * 1000)
    known = table[table["label"].notna()]
    fraud, alert = known["label"] == 1, known["alert"] == 1
    version = world.events.version
    assert samples["fraudstream_live_precision", "ecommerce", version] == fraud[alert].mean()
    assert samples["fraudstream_live_recall", "ecommerce", version] == alert[fraud].mean()
    assert samples["fraudstream_labelled_share", "ecommerce"] == len(known) / len(table)
    assert samples["fraudstream_labelled_fraud_share", "ecommerce", "newest"] == fraud.mean()
    assert ("fraudstream_labelled_fraud_share", "ecommerce", "before") not in samples
    every = world.table[world.table["label"].notna()]
    right = (every["label"] == 1) == (every["alert"] == 1)
    for outcome, rows in (
        ("tp", right & (every["alert"] == 1)), ("fp", ~right & (every["alert"] == 1)),
        ("fn", ~right & (every["alert"] == 0)), ("tn", right & (every["alert"] == 0)),
    ):  # fmt: skip
        assert samples["fraudstream_labels_total", outcome, "ecommerce"] == rows.sum()
