"""A whole file through topics and projector, against counts that pandas makes of the file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest
from confluent_kafka import Producer

from core.kafka_admin import CLIENT_LOG, ensure_topics
from core.names import DAY_MS, Topics
from core.settings import Settings
from features.countries import load_country_table
from features.csv_source import read_transactions
from features.iso_times import iso_time
from producer.sample import SampleOptions, write_sample
from stream.decisions import load_decision_maker
from stream.offline_scores import as_replayed, offline_scores
from tests.stream.conftest import put_small_model
from tests.views.read_model import PROFILE, label, projecting, wait_for
from views.counts import Counts, Dimension
from views.live_performance import MATURE_DAYS, performance
from views.periods import Bucket, Span
from views.readmodel.projector import read_topics
from views.readmodel.redis_store import RedisStore

_SUMS = (
    "transactions", "alerts", "labelled", "fraud", "labelled_alerts", "caught", "amount",
    "alert_amount", "fraud_amount",
)  # fmt: skip


def publish(path: Path, settings: Settings, folder: Path) -> tuple[int, set[int]]:
    """Send what a worker would, and all labels; how many messages, and the alerts' lines."""
    put_small_model(settings)
    countries = load_country_table(settings.ip_table)
    data = read_transactions(path, rejects=folder / "rejects.csv")
    rows = as_replayed(data.batch)
    batch = data.batch.take(rows)
    decisions = load_decision_maker(settings, countries)
    ensure_topics(settings, read_topics(settings), 4)
    topics = Topics(settings.namespace)
    config = {**settings.confluent_config(), "queue.buffering.max.messages": 2_000_000}
    producer = Producer(config, logger=CLIENT_LOG)
    sent = 0
    alerts: set[int] = set()
    now = iso_time(time.time_ns() // 1_000_000)
    places = np.arange(len(batch), dtype=np.int64)
    for scored in offline_scores(batch, countries, decisions, ("csv", places), now):
        both = zip(scored.batch.event_id, *decisions.encoder.encode(scored), strict=True)
        for event_id, score, alert in both:
            producer.produce(topics.scores.name, score, event_id)
            sent += 1
            if alert is not None:
                producer.produce(topics.alerts.name, alert, event_id)
                sent += 1
                alerts.add(int(event_id.rpartition("-")[2]))
    for event_id, value, time_ms in zip(
        batch.event_id, data.label[rows].tolist(), batch.time_ms.tolist(), strict=True
    ):
        if value >= 0:
            message = orjson.dumps(label(event_id, value, time_ms + MATURE_DAYS * DAY_MS))
            producer.produce(topics.labels.name, message, event_id)
            sent += 1
    assert producer.flush(60) == 0
    return sent, alerts


def table_of(path: Path, alerts: set[int]) -> pd.DataFrame:
    """The file with a column for each counter."""
    table = pd.read_csv(path)
    lines = pd.Series(np.arange(len(table)) + 2)
    # The reader sets aside a line that is cut short, as the last one of the real file is.
    whole = table["purchase_value"].notna()
    table, lines = table[whole], lines[whole]
    alert = lines.isin(list(alerts)).astype(int)
    fraud = (table["class"] == 1).astype(int)
    amount = (table["purchase_value"] * 10_000).round().astype("int64")
    return table.assign(
        time=pd.to_datetime(table["purchase_time"]).dt.tz_localize(None),
        transactions=1,
        alerts=alert,
        labelled=table["class"].notna().astype(int),
        fraud=fraud,
        labelled_alerts=alert * table["class"].notna().astype(int),
        caught=alert * fraud,
        amount=amount,
        alert_amount=amount * alert,
        fraud_amount=amount * fraud,
    )


def summed(table: pd.DataFrame, by: pd.Series[Any]) -> dict[object, Counts]:
    sums = table.groupby(by)[list(_SUMS)].sum()
    return {
        key: Counts(*row)
        for key, row in zip(sums.index.tolist(), sums.to_numpy().tolist(), strict=True)
    }


def assert_counts(store: RedisStore, table: pd.DataFrame) -> None:
    first, last = table["time"].min(), table["time"].max()
    spans = [
        (first, last + pd.Timedelta("1ms")),
        (first.ceil("D"), last.floor("D")),
        (first + (last - first) * 0.123, first + (last - first) * 0.789),
        (first + pd.Timedelta("90min"), first + pd.Timedelta("100min")),
    ]
    for begin, end in spans:
        part = table[(table["time"] >= begin) & (table["time"] < end)]
        # Events are at whole milliseconds, so a span may begin at the next one.
        span = Span(*(-int(-moment.value // 1_000_000) for moment in (begin, end)))
        assert store.totals(PROFILE, span) == Counts(*part[list(_SUMS)].sum().tolist())
        for bucket, unit in ((Bucket.HOUR, "h"), (Bucket.DAY, "D")):
            starts = part["time"].dt.floor(unit).astype("datetime64[ms]").astype("int64")
            assert store.trend(PROFILE, span, bucket) == summed(part, starts)
        months = part["time"].dt.to_period("M").dt.start_time
        starts = months.astype("datetime64[ms]").astype("int64")
        assert store.trend(PROFILE, span, Bucket.MONTH) == summed(part, starts)
        for dimension in (Dimension.BROWSER, Dimension.SOURCE, Dimension.SEX):
            values = part[dimension.value].fillna("unknown")
            assert store.by(PROFILE, dimension, span) == summed(part, values)
        edges = [0, 18, 25, 35, 45, 55, 65, 1_000]
        names = ["<18", "18–24", "25–34", "35–44", "45–54", "55–64", "65+"]
        ages = pd.cut(part["age"], edges, right=False, labels=names).astype(object)
        assert store.by(PROFILE, Dimension.AGE, span) == summed(part, ages.fillna("unknown"))
        devices = summed(part, part["device_id"])
        flagged = [one for one, counts in devices.items() if counts.alerts or counts.fraud]
        flagged.sort(key=lambda one: (-devices[one].alerts, -devices[one].fraud, one))
        users = part.groupby("device_id")["user_id"].nunique()
        found = [(one.device_id, one.users, one.counts) for one in store.devices(PROFILE, span, 25)]
        assert found == [(one, users[one], devices[one]) for one in flagged[:25]]


def assert_performance(store: RedisStore, table: pd.DataFrame) -> None:
    newest = table["time"].max()
    mature = table[table["time"] < (newest - pd.Timedelta(MATURE_DAYS, "D")).floor("D")]
    found = performance(store.scorecards(PROFILE, Span()), MATURE_DAYS, Bucket.DAY)
    assert (found.mature, found.not_mature) == (len(mature), len(table) - len(mature))
    (version,) = found.versions
    assert version.figures.precision is not None
    assert version.figures.recall is not None
    assert version.figures.precision.value == mature["caught"].sum() / mature["alerts"].sum()
    assert version.figures.recall.value == mature["caught"].sum() / mature["fraud"].sum()
    days = {
        row.start_ms: (row.figures.events, row.figures.alerts, row.figures.true_positives)
        for row in found.rows
    }
    starts = mature["time"].dt.floor("D").astype("datetime64[ms]").astype("int64")
    sums = mature.groupby(starts)[["transactions", "alerts", "caught"]].sum()
    assert days == dict(zip(sums.index, sums.itertuples(index=False, name=None), strict=True))
    labelled = table[table["labelled"] == 1]
    assert store.outcomes(PROFILE) == {
        name: count
        for name, count in (
            ("tp", labelled["caught"].sum()),
            ("fp", (labelled["alerts"] - labelled["caught"]).sum()),
            ("fn", (labelled["fraud"] - labelled["caught"]).sum()),
            ("tn", ((labelled["alerts"] == 0) & (labelled["fraud"] == 0)).sum()),
        )
        if count
    }


def test_a_generated_file(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "sample.csv"
    write_sample(path, SampleOptions(profile="ecommerce", rows=1_500, days=60))
    sent, alerts = publish(path, settings, tmp_path)
    store = RedisStore(settings)
    with projecting(settings):
        wait_for(settings, sent)
    assert_counts(store, table_of(path, alerts))
    assert_performance(store, table_of(path, alerts))
    store.close()


@pytest.mark.realdata
def test_the_real_file(settings: Settings, tmp_path: Path, real_data: Path) -> None:
    path = real_data / "Fraud_Data.csv"
    ranges = real_data / "IpAddress_to_Country.csv"
    settings = settings.model_copy(update={"ip_table": ranges})
    sent, alerts = publish(path, settings, tmp_path)
    store = RedisStore(settings)
    with projecting(settings):
        wait_for(settings, sent, 400)
    table = table_of(path, alerts)
    assert_counts(store, table)
    assert_performance(store, table)
    # pandas knows neither the repaired ranges nor the codes of countries: no event is left out.
    countries = store.by(PROFILE, Dimension.COUNTRY, Span())
    assert sum(one.transactions for one in countries.values()) == len(table)
    assert sum(one.fraud for one in countries.values()) == table["fraud"].sum()
    store.close()
