"""One small dataset and one trained version for the whole session; neither is changed by a test."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import xgboost
from numpy.typing import NDArray

from model.calibration import Calibration
from model.costs import COSTS
from model.fitting.boosting import raw_scores
from model.fitting.dataset import Dataset, make_dataset
from model.fitting.families import fit_candidate, usual
from model.fitting.fitting import Procedure
from model.fitting.folds import LABEL_DELAY_MS
from model.fitting.imbalance import rows_of
from model.fitting.selection import Budget
from model.metadata import Policy
from model.registry import ModelVersion, Registry
from model.training import Origin, train_model
from tests.model.events import countries, labelled_events

NOW = 1_700_000_000_000
#: Nothing is tried, which takes a second.
QUICK = Procedure(Budget.quick(), Policy(COSTS["ecommerce"]), LABEL_DELAY_MS["ecommerce"], 0.2, 42)
#: A raw score as log odds, as it comes from boosting.
LOG_ODDS = Calibration("sigmoid")


def boosted(data: Dataset, fraud: NDArray[np.bool_] | None = None) -> xgboost.Booster:
    """Gradient boosting fitted to all of it, with its own labels or others."""
    rows = rows_of(data.matrix, data.fraud if fraud is None else fraud)
    return fit_candidate(usual("xgboost"), rows, seed=1)


def probabilities(booster: xgboost.Booster, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """What ``LOG_ODDS`` makes of its raw scores."""
    return LOG_ODDS.apply(raw_scores(booster, matrix))


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    batch, label = labelled_events()
    return make_dataset(batch, label, countries())


@pytest.fixture(scope="session")
def trained(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> ModelVersion:
    """Version v1 of a registry that no test may touch."""
    registry = Registry(tmp_path_factory.mktemp("registry"))
    origin = Origin("ab" * 32, countries().digest, NOW)
    return train_model(dataset, origin, registry, QUICK, lambda done, total: None)


@pytest.fixture
def registry(trained: ModelVersion, tmp_path: Path) -> Registry:
    """A registry of the test's own that holds v1."""
    shutil.copytree(trained.path.parents[1], tmp_path / "models")
    return Registry(tmp_path / "models")
