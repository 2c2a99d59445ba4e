"""A file that is shown, for the whole session; no test changes it."""

from __future__ import annotations

import pytest

from tests.views.world import World, world_of, write_world


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("world")
    write_world(folder / "sample.csv")
    return world_of(folder / "sample.csv", folder)
