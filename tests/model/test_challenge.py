"""A challenger scores what the champion scores, decides nothing, and can do no harm."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from core.errors import ModelError
from core.messages import Score
from core.names import Decision, Role
from core.settings import Settings, load_settings
from features.batch import EventBatch
from model.challenge import Challenger, load_challenger
from model.fitting.dataset import Dataset
from model.registry import MODEL_FILE, ModelVersion, Registry
from stream.decisions import DecisionMaker
from stream.outcomes import Scored
from tests.model.events import countries
from tests.model.test_control import batch_of
from tests.model.test_registry import PROFILE, add

ROWS = 300


@pytest.fixture
def settings(registry: Registry) -> Settings:
    return load_settings(models=registry.root)


@pytest.fixture
def pair(registry: Registry, trained: ModelVersion, settings: Settings) -> DecisionMaker:
    """v1, challenged by v2, which is the same model."""
    registry.promote(PROFILE, "v1")
    registry.promote(PROFILE, add(registry, trained), Role.CHALLENGER)
    maker = DecisionMaker(registry.load(PROFILE), settings)
    return maker.beside(load_challenger(settings, countries()))


def encoded(maker: DecisionMaker, matrix: np.ndarray, batch: EventBatch) -> list[dict[str, Any]]:
    country = np.zeros(len(batch), np.int16)
    decided = maker.decide(matrix, batch, country)
    scored = Scored(
        batch=batch,
        country=country,
        matrix=matrix,
        device_users=np.zeros(len(batch), np.int64),
        score=decided.score,
        decision=decided.decision,
        severity=decided.severity,
        threshold=decided.threshold,
        reasons=decided.reasons,
        origin=[("t", 0, 0)] * len(batch),
        scored_at="2026-01-01T00:00:00.000Z",
        control=decided.control,
        challenged=maker.challenge(matrix, decided.score),
    )
    messages = maker.encoder.encode(scored)[0]
    for one in messages:
        msgspec.json.decode(one, type=Score)
    return [msgspec.json.decode(one) for one in messages]


def test_the_outcome_of_an_event_is_the_same_with_and_without_a_challenger(
    pair: DecisionMaker, dataset: Dataset
) -> None:
    matrix, batch = dataset.matrix[:ROWS], batch_of([f"e{i}" for i in range(ROWS)])
    alone = encoded(pair.beside(None), matrix, batch)
    beside = encoded(pair, matrix, batch)
    assert all(one.pop("challenger") is None for one in alone)
    told = [one.pop("challenger") for one in beside]
    assert beside == alone
    meta = pair.challenger.version.metadata if pair.challenger else None
    assert meta is not None
    assert [(one["version"], one["digest"]) for one in told] == [("v2", meta.digest)] * ROWS
    assert [one["score"] for one in told] == [one["score"] for one in alone]
    assert [one["decision"] for one in told] == [one["decision"] for one in alone]
    assert [one["against"] for one in told] == [one["decision"] for one in alone]


def test_it_is_held_against_what_the_model_itself_decides(
    registry: Registry, trained: ModelVersion, dataset: Dataset
) -> None:
    settings = load_settings(
        models=registry.root, threshold_review=0.0, threshold_block=0.0, control_share=0.1
    )
    maker = DecisionMaker(trained, settings).beside(Challenger(trained, countries(), settings))
    batch = batch_of([f"e{i}" for i in range(ROWS)])
    found = encoded(maker, dataset.matrix[:ROWS], batch)
    assert {one["decision"] for one in found} == {Decision.BLOCK, Decision.REVIEW}
    assert {one["control_weight"] for one in found if one["control"]} == {10.0}
    assert {one["challenger"]["against"] for one in found} == {Decision.BLOCK}


def test_there_is_none_where_none_was_promoted(registry: Registry, settings: Settings) -> None:
    registry.promote(PROFILE, "v1")
    assert load_challenger(settings, countries()) is None


def test_one_that_is_damaged_or_made_for_other_features_is_refused(
    pair: DecisionMaker, registry: Registry, settings: Settings, tmp_path: Path
) -> None:
    ranges = tmp_path / "other.csv"
    ranges.write_text(
        "lower_bound_ip_address,upper_bound_ip_address,country\n16777216,16777471,Australia\n"
    )
    from features.countries import load_country_table

    with pytest.raises(ModelError, match="was made for features"):
        load_challenger(settings, load_country_table(ranges))
    graph = registry.root / PROFILE / "v2" / MODEL_FILE
    graph.write_bytes(graph.read_bytes()[:-1])
    with pytest.raises(ModelError, match="changed or damaged"):
        load_challenger(settings, countries())


class Broken:
    """A graph that fails, or gives what is no probability."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked = 0

    def score(self, matrix: np.ndarray) -> np.ndarray:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return np.full(len(matrix), self.answer, np.float32)


@pytest.mark.parametrize("answer", [RuntimeError("no memory"), np.nan, 1.5])
def test_one_that_fails_is_left_out_from_then_on_and_said_once(
    pair: DecisionMaker, dataset: Dataset, caplog: pytest.LogCaptureFixture, answer: Any
) -> None:
    assert pair.challenger is not None
    broken = Broken(answer)
    pair.challenger._scorer = broken  # type: ignore[assignment]
    matrix, batch = dataset.matrix[:ROWS], batch_of([f"e{i}" for i in range(ROWS)])
    with caplog.at_level(logging.ERROR):
        found = [encoded(pair, matrix, batch) for _ in range(3)]
    assert broken.asked == 1
    assert caplog.text.count("challenger v2 is left out") == 1
    assert found[2] == encoded(pair.beside(None), matrix, batch)
