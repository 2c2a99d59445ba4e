"""Reasons add up to the score, speak for fraud, and give way to cheap ones in an attack."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import ModelError
from core.names import Decision
from core.settings import load_settings
from features.batch import EventBatch
from features.declared import declared_features
from model import deviation, explanations
from model.deviation import TOP
from model.explanations import Contributions
from model.fitting.boosting import raw_scores
from model.fitting.dataset import Dataset
from model.registry import EXPLAIN_FILE, ModelVersion
from model.scorer import Scorer
from model.training import Origin, train_model
from stream.decisions import MOST_EXPLAINED, Decided, DecisionMaker
from tests.features.events import make_batch
from tests.model.conftest import QUICK, boosted
from tests.model.events import countries


@pytest.fixture(scope="module")
def suspects(dataset: Dataset, trained: ModelVersion) -> np.ndarray:
    """The hundred rows with the highest scores."""
    order = np.argsort(-Scorer(trained).score(dataset.matrix), kind="stable")
    return dataset.matrix[order[:100]]


def batch_of(n: int) -> EventBatch:
    """Any events."""
    return make_batch(
        [f"e{i}" for i in range(n)], [0] * n, [1] * n, ["u"] * n, ["d"] * n, [None] * n
    )


def test_contributions_and_constant_add_up_to_the_raw_score(
    dataset: Dataset, trained: ModelVersion
) -> None:
    moved = Contributions(trained).contributions(dataset.matrix)
    raw = raw_scores(Contributions(trained)._booster, dataset.matrix)
    np.testing.assert_allclose(moved.sum(axis=1), raw, rtol=0, atol=1e-4)
    assert np.ptp(moved[:, -1]) == 0
    calibrated = trained.metadata.calibration.apply(raw)
    np.testing.assert_allclose(calibrated, Scorer(trained).score(dataset.matrix), atol=1e-6)


def test_reasons_speak_for_fraud_the_strongest_first(
    trained: ModelVersion, suspects: np.ndarray
) -> None:
    moved = Contributions(trained).contributions(suspects)
    names = [feature.name for feature in declared_features("ecommerce")]
    for row, reasons in enumerate(Contributions(trained).explain(suspects)):
        assert 1 <= len(reasons) <= TOP
        strength = [reason.contribution or 0.0 for reason in reasons]
        assert strength == sorted(strength, reverse=True)
        assert strength[-1] > 0
        assert len({reason.feature for reason in reasons}) == len(reasons)
        for reason in reasons:
            assert reason.code == "shap"
            assert reason.text
            column = names.index(reason.feature)
            assert moved[row, column] > 0
            value = suspects[row, column]
            assert reason.value == (None if np.isnan(value) else float(str(value)))


def test_windows_of_one_quantity_are_one_reason_with_all_they_moved(
    trained: ModelVersion, suspects: np.ndarray
) -> None:
    explainer = Contributions(trained)
    moved = explainer.contributions(suspects)
    for row, reasons in enumerate(explainer.explain(suspects)):
        for reason in reasons:
            (group,) = (
                one for one in explainer._groups
                if reason.feature in [explainer._features[at].name for at in one]
            )  # fmt: skip
            assert reason.contribution == pytest.approx(moved[row, group].sum(), abs=1e-3)


def test_no_rows_have_no_reasons(trained: ModelVersion, suspects: np.ndarray) -> None:
    assert Contributions(trained).explain(suspects[:0]) == []


def decided_by(maker: DecisionMaker, suspects: np.ndarray) -> Decided:
    n = len(suspects)
    return maker.decide(suspects, batch_of(n), np.zeros(n, np.int16))


def test_the_first_alerts_of_a_batch_are_explained_by_the_model_the_others_cheaply(
    trained: ModelVersion, suspects: np.ndarray
) -> None:
    settings = load_settings(threshold_review=0.0, threshold_block=0.0)
    decided = decided_by(DecisionMaker(trained, settings), suspects)
    assert set(decided.decision) == {Decision.BLOCK}
    codes = [{reason["code"] for reason in reasons or ()} for reasons in decided.reasons]
    assert set().union(*codes[:MOST_EXPLAINED]) == {explanations.CODE}
    assert set().union(*codes[MOST_EXPLAINED:]) == {deviation.CODE}


def test_only_alerts_are_explained(trained: ModelVersion, suspects: np.ndarray) -> None:
    decided = decided_by(DecisionMaker(trained, load_settings()), suspects)
    allowed = [decision == Decision.ALLOW for decision in decided.decision]
    assert any(allowed)
    assert [reasons is None for reasons in decided.reasons] == allowed


def test_trees_that_cannot_be_read_are_refused(trained: ModelVersion, tmp_path: Path) -> None:
    broken = b"{L\x00 no trees"
    (tmp_path / EXPLAIN_FILE).write_bytes(broken)
    digests = {**trained.digests, EXPLAIN_FILE: hashlib.sha256(broken).hexdigest()}
    version = replace(trained, path=tmp_path, digests=digests)
    with pytest.raises(ModelError, match=r"explain\.ubj: xgboost .* cannot load it .*train"):
        Contributions(version)


def test_what_explains_too_slowly_is_not_stored(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from model import training
    from model.registry import Registry

    monkeypatch.setattr(training, "us_per_row", lambda booster, matrix: 301.0)
    registry = Registry(tmp_path)
    origin = Origin("ab" * 32, countries().digest, 0)
    with pytest.raises(ModelError, match=r"takes 301 µs, at most 300 .* nothing was stored"):
        train_model(dataset, origin, registry, QUICK, lambda done, total: None)
    assert registry.versions("ecommerce") == []


def test_explaining_is_timed_by_the_row(dataset: Dataset) -> None:
    booster = boosted(dataset)
    assert 0 < explanations.us_per_row(booster, dataset.matrix[:64]) < 1e6
