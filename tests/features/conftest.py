"""Velocity states for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.features.states import FreshStates

# pytest tests/features --hypothesis-profile=thorough
settings.register_profile("thorough", max_examples=2000)


@pytest.fixture
def fresh_state(redis_url: str) -> Iterator[FreshStates]:
    states = FreshStates(redis_url)
    yield states
    states.close()
