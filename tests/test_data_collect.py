"""``fraudstream data collect`` brings back what was sent: events, labels, and so the features."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from confluent_kafka import Producer

from cli.history import latest_labels
from core.kafka_admin import ensure_topics
from core.names import Topics
from core.settings import Settings
from features.batch import EventBatch
from features.countries import load_country_table
from features.csv_source import CsvData, read_transactions
from features.offline import compute_features
from producer.encode import encode_events, encode_labels
from producer.sample import SampleOptions, write_sample
from tests.stream.test_files import fraudstream
from tests.stream.workers import produce_all, publish

pytestmark = pytest.mark.integration
ROWS = 600
DAY = 86_400_000


@pytest.fixture(params=["ecommerce", "banking"])
def settings(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    made = settings.model_copy(update={"profile": request.param})
    ensure_topics(made, Topics(made.namespace).all(made.profile), 4)
    return made


def sample(settings: Settings, folder: Path) -> CsvData:
    path = folder / "sample.csv"
    write_sample(path, SampleOptions(settings.profile, rows=ROWS, fraud_rate=0.2))
    return read_transactions(path)


def in_order(batch: EventBatch) -> EventBatch:
    return batch.take(batch.in_total_order())


def test_what_comes_back_has_the_same_features_and_labels(
    settings: Settings, tmp_path: Path
) -> None:
    data = sample(settings, tmp_path)
    csv = str(data.report.path)
    fraudstream(settings, tmp_path, "replay", csv, "--labels-after", "1d")
    out = json.loads(fraudstream(settings, tmp_path, "data", "collect", "back.csv", "--json"))
    assert out["events"] == out["labelled"] == ROWS
    assert out["fraud"] == int((data.label == 1).sum())
    back = read_transactions(tmp_path / "back.csv", settings.profile)
    assert back.report.rejected == 0
    sent, found = in_order(data.batch), in_order(back.batch)
    assert found.event_id == sent.event_id
    np.testing.assert_array_equal(found.time_ms, sent.time_ms)
    np.testing.assert_array_equal(found.amount, sent.amount)
    assert found.text == sent.text
    countries = load_country_table(None)
    one, other = (compute_features(batch, countries).matrix for batch in (sent, found))
    np.testing.assert_array_equal(one, other)
    labels = dict(zip(data.batch.event_id, data.label.tolist(), strict=True))
    assert dict(zip(back.batch.event_id, back.label.tolist(), strict=True)) == labels


def test_each_event_once_with_its_latest_label_and_no_dead_letter(
    settings: Settings, tmp_path: Path
) -> None:
    batch = in_order(sample(settings, tmp_path).batch).take(np.arange(3))
    values = encode_events(batch)
    other = json.loads(values[0])
    name = "purchase_value" if settings.profile == "ecommerce" else "amount"
    other[name] = 1.5
    sent = [*values, values[1], json.dumps(other).encode(), b"{", b'{"event_id": "x"}']
    publish(settings, [("k", value) for value in sent])
    ids = [batch.event_id[0], batch.event_id[0], batch.event_id[0], batch.event_id[1], "nowhere"]
    moments = np.array([2, 3, 1, 5, 5]) * DAY
    labels = encode_labels(settings.profile, ids, np.array([1, 0, 1, 1, 1], np.int8), moments, "t")
    strangers = encode_labels("banking", ["b"], np.array([1], np.int8), moments[:1], "t")
    if settings.profile == "banking":
        strangers = encode_labels("ecommerce", ["b"], np.array([1], np.int8), moments[:1], "t")
    topic = Topics(settings.namespace).labels.name
    producer = Producer(settings.confluent_config())
    sent_labels = [*labels, *strangers, b"no label"]
    produce_all(producer, topic, [("k", value) for value in sent_labels])
    assert latest_labels(settings) == {
        ids[0]: (3 * DAY, 0), ids[3]: (5 * DAY, 1), "nowhere": (5 * DAY, 1),
    }  # fmt: skip
    out = json.loads(fraudstream(settings, tmp_path, "data", "collect", "back.csv", "--json"))
    assert (out["events"], out["labelled"], out["fraud"]) == (3, 2, 1)
    assert (out["repeated"], out["conflicting"]) == (1, 1)
    assert (out["rejected"], out["unmatched"]) == (2, 1)
    back = in_order(read_transactions(tmp_path / "back.csv", settings.profile).batch)
    assert back.event_id == batch.event_id
    np.testing.assert_array_equal(back.amount, batch.amount)


def test_an_empty_topic_and_a_wrong_name_are_refused(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="holds no valid event"):
        fraudstream(settings, tmp_path, "data", "collect", "back.csv")
    with pytest.raises(AssertionError, match=r"does not end in \.csv"):
        fraudstream(settings, tmp_path, "data", "collect", "back.parquet")
    assert not [*tmp_path.glob("*back*")]
