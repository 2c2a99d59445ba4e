"""``models compare --live`` counts each event once, by its first outcome and its latest label."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
from confluent_kafka import Producer
from sklearn.metrics import (
    average_precision_score,
    precision_score,
    recall_score,
    roc_auc_score,
)
from typer.testing import CliRunner, Result

from cli.main import app
from core.errors import ConfigError, DataError
from core.kafka_admin import ensure_topics
from core.names import Decision, Topics
from core.settings import Settings
from features.iso_times import iso_time

pytestmark = pytest.mark.integration
START = 1_420_070_400_000
HOUR = 3_600_000
N = 600


@pytest.fixture
def here(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings are those of the command, too."""
    monkeypatch.setenv("FRAUDSTREAM_KAFKA", settings.kafka)
    monkeypatch.setenv("FRAUDSTREAM_NAMESPACE", settings.namespace)
    ensure_topics(settings, Topics(settings.namespace).all(settings.profile), 3)
    return settings


def run(*args: str) -> Result:
    return CliRunner().invoke(app, ["models", "compare", *args], env={"COLUMNS": "120"})


def found_by(*args: str) -> Any:
    result = run("--live", "--json", *args)
    assert result.exception is None, result.exception
    return json.loads(result.stdout)["pairs"]


def decision(score: float) -> Decision:
    return Decision.BLOCK if score >= 0.8 else Decision.REVIEW if score >= 0.5 else Decision.ALLOW


def score_of(
    event_id: str, at: int, one: float, other: float | None, **more: Any
) -> dict[str, Any]:
    beside = None
    if other is not None:
        beside = {
            "version": "v2", "digest": "1" * 64, "score": other, "decision": decision(other),
            "against": decision(one),
        }  # fmt: skip
    return {
        "event_id": event_id, "alert_id": None, "profile": "ecommerce", "event_time": iso_time(at),
        "score": one, "decision": decision(one), "control": False, "control_weight": None,
        "model": {"name": "m", "version": "v1", "digest": "0" * 64}, "user_id": "u", "amount": 1.0,
        "country": "DE", "browser": None, "source": None, "sex": None, "age": None,
        "device_id": "d", "device_users": 0, "rules": [], "challenger": beside,
        "scored_at": iso_time(at), "origin": {"topic": "t", "partition": 0, "offset": 0}, **more,
    }  # fmt: skip


def send(settings: Settings, topic: str, messages: list[dict[str, Any]]) -> None:
    producer = Producer(settings.confluent_config())
    for one in messages:
        producer.produce(topic, json.dumps(one).encode(), one["event_id"])
    producer.produce(topic, b"no score", "x")
    assert producer.flush(30) == 0


def label_of(event_id: str, label: int, at: int) -> dict[str, Any]:
    return {
        "schema": 1, "event_id": event_id, "profile": "ecommerce", "label": label,
        "labelled_at": iso_time(at), "source": "test",
    }  # fmt: skip


@pytest.fixture
def world(here: Settings) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores of both (n, 2), times and labels (−1: none) of what both scored; sent."""
    rng = np.random.default_rng(8)
    truth = rng.random(N) < 0.2
    scores = np.round(np.clip(rng.normal(0.35 + 0.3 * truth[:, None], 0.2, (N, 2)), 0, 1), 4)
    time_ms = START + np.arange(N) * HOUR
    ids = [f"e{row}" for row in range(N)]
    pairs = zip(ids, time_ms.tolist(), scores.tolist(), strict=True)
    messages = [score_of(event_id, at, *both) for event_id, at, both in pairs]
    # What comes again, is another profile's, or had no challenger counts nothing.
    messages += [score_of(one, START, 0.99, 0.01) for one in ids[:50]]
    messages += [score_of("b", START, 0.9, 0.1, profile="banking")]
    messages += [score_of("alone", START, 0.9, None)]
    topics = Topics(here.namespace)
    send(here, topics.scores.name, messages)
    label = np.where(np.arange(N) % 3 > 0, truth.astype(int), -1)
    known = [(ids[row], int(label[row])) for row in np.flatnonzero(label >= 0)]
    wrong = [label_of(one, 1 - what, START) for one, what in known[::5]]
    right = [label_of(one, what, START + HOUR) for one, what in known]
    send(here, topics.labels.name, [*wrong, *right, *wrong, label_of("unknown", 1, START)])
    return scores, time_ms, label


def test_counts_are_those_of_a_plain_loop(
    world: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    scores, _, label = world
    (pair,) = found_by()
    decided = [[decision(one) for one in column] for column in scores.T.tolist()]
    assert (pair["champion"], pair["challenger"], pair["events"]) == ("v1", "v2", N)
    table = Counter(zip(*decided, strict=True))
    assert pair["decisions"] == {
        one: {other: table[one, other] for other in Decision} for one in Decision
    }
    agreed = sum(one == other for one, other in zip(*decided, strict=True))
    assert pair["agreement"]["value"] == pytest.approx(agreed / N, abs=1e-6)
    assert pair["agreement"]["low"] < agreed / N < pair["agreement"]["high"]
    flagged = [[one != Decision.ALLOW for one in column] for column in decided]
    assert [one["value"] for one in pair["alerts"]] == [
        pytest.approx(sum(one) / N, abs=1e-6) for one in flagged
    ]
    known = label >= 0
    assert (pair["labelled"], pair["fraud"]) == (known.sum(), (label == 1).sum())
    metrics = pair["labelled_metrics"]["metrics"]
    for side, alerts in zip(("first", "second"), flagged, strict=True):
        for name, measure in (("precision", precision_score), ("recall", recall_score)):
            figure = metrics[name][side]
            assert figure["value"] == pytest.approx(
                measure(label[known], np.array(alerts)[known]), abs=1e-6
            )
            assert figure["low"] <= figure["value"] <= figure["high"]
    gap = metrics["recall"]
    assert gap["difference"]["value"] == pytest.approx(
        gap["second"]["value"] - gap["first"]["value"], abs=2e-6
    )


def test_control_events_stand_for_what_was_blocked(here: Settings) -> None:
    """As pandas has it: blocked events left out, control events in their place by weight."""
    rng = np.random.default_rng(9)
    fraud = rng.random(N) < 0.3
    shift = rng.normal(0.35 + 0.4 * fraud[:, None], 0.2, (N, 2))
    rows = pd.DataFrame(np.round(np.clip(shift, 0, 1), 4), columns=["one", "other"])
    rows["fraud"] = fraud
    rows["weight"] = 1 / 0.3
    rows.loc[N // 2 :, "weight"] = 1 / 0.15  # the share was changed
    to_block = rows.one >= 0.8
    rows["control"] = to_block & (rng.random(N) < 1 / rows.weight)
    rows["blocked"] = to_block & ~rows.control
    # Of what was blocked only fraud was told, by its victims.
    rows["known"] = np.where(rows.blocked, rows.fraud & (rng.random(N) < 0.5), rng.random(N) < 0.8)
    messages, labels = [], []
    for at in range(N):
        row: Any = rows.iloc[at]
        more: dict[str, Any] = {}
        if row.control:
            more = {
                "control": True,
                "control_weight": float(row.weight),
                "decision": Decision.REVIEW,
            }
        messages.append(
            score_of(f"e{at}", START + at * HOUR, float(row.one), float(row.other), **more)
        )
        if row.known:
            labels.append(label_of(f"e{at}", int(row.fraud), START))
    topics = Topics(here.namespace)
    send(here, topics.scores.name, messages)
    send(here, topics.labels.name, labels)
    (pair,) = found_by()
    known = rows[rows.known & ~rows.blocked]
    assert pair["weighted"]
    assert (pair["labelled"], pair["fraud"]) == (rows.known.sum(), rows[rows.known].fraud.sum())
    assert pair["labelled_metrics"]["events"] == [len(known)] * 2
    weight = known.weight.where(known.control, 1.0)
    metrics = pair["labelled_metrics"]["metrics"]
    for side, score in (("first", known.one), ("second", known.other)):
        alert = score >= 0.5
        caught = weight[alert & known.fraud].sum()
        expected = {
            "precision": caught / weight[alert].sum(),
            "recall": caught / weight[known.fraud].sum(),
            "brier": (weight * (score - known.fraud) ** 2).sum() / weight.sum(),
            "roc_auc": roc_auc_score(known.fraud, score, sample_weight=weight),
            "average_precision": average_precision_score(known.fraud, score, sample_weight=weight),
        }
        for name, value in expected.items():
            assert metrics[name][side]["value"] == pytest.approx(value, abs=2e-6), name
            assert metrics[name][side]["low"] <= value <= metrics[name][side]["high"]
    assert "control events stand for all that was blocked" in run("--live").stdout


def test_a_span_holds_its_begin_and_not_its_end(
    world: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    (pair,) = found_by("--since", iso_time(START + HOUR), "--until", iso_time(START + 4 * HOUR))
    assert (pair["events"], pair["first"]) == (3, iso_time(START + HOUR))
    assert pair["last"] == iso_time(START + 3 * HOUR)


def test_people_read_agreement_decisions_and_differences(
    world: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    text = run("--live").stdout
    assert "v2 challenges v1: 600 events" in text
    for words in ("the same decision", "labels: 400", "control share", "v2 − v1", "recall"):
        assert words in text


def test_without_a_challenger_it_says_how_to_name_one(here: Settings) -> None:
    error = run("--live").exception
    assert isinstance(error, DataError)
    assert "fraudstream models promote VERSION --challenger" in str(error)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--live", "v1"), "leave the versions out"),
        (("v1",), "name both"),
        (("v1", "v2", "--since", "2015-01-01"), "are for --live"),
        (("--live", "--since", "2015-01-02", "--until", "2015-01-01"), "is not before"),
    ],
)
def test_contradictions_are_wrong_use(here: Settings, args: tuple[str, ...], words: str) -> None:
    error = run(*args).exception
    assert isinstance(error, ConfigError)
    assert words in str(error)
