"""One small dataset and one trained version for the whole session; neither is changed by a test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from model.dataset import Dataset, make_dataset
from model.registry import ModelVersion, Registry
from model.training import Origin, train_model
from tests.model.events import countries, labelled_events

NOW = 1_700_000_000_000


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    batch, label = labelled_events()
    return make_dataset(batch, label, countries())


@pytest.fixture(scope="session")
def trained(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> ModelVersion:
    """Version v1 of a registry that no test may touch."""
    registry = Registry(tmp_path_factory.mktemp("registry"))
    origin = Origin("ab" * 32, countries().digest, NOW)
    return train_model(dataset, origin, registry, 42, lambda done, total: None)


@pytest.fixture
def registry(trained: ModelVersion, tmp_path: Path) -> Registry:
    """A registry of the test's own that holds v1."""
    shutil.copytree(trained.path.parents[1], tmp_path / "models")
    return Registry(tmp_path / "models")
