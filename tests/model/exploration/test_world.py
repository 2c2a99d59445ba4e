from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from matplotlib.patches import PathPatch

from features.declared import COUNTRIES
from model.exploration.world import equal_earth, world, world_map


@given(st.floats(-179, 178), st.floats(-85, 85))
def test_equal_areas_on_the_globe_are_equal_on_the_map(longitude: float, latitude: float) -> None:
    step = 0.01
    corners = np.array([(0, 0), (step, 0), (step, step), (0, step)])
    x, y = equal_earth(corners + np.array([longitude, latitude])).T
    area = 0.5 * abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))
    south, north = np.sin(np.radians([latitude, latitude + step]))
    assert area == pytest.approx(np.radians(step) * (north - south), rel=1e-4)


def test_codes_are_those_of_the_features() -> None:
    codes = set(world().outlines) | set(world().points)
    assert codes - {""} <= set(COUNTRIES)
    assert not set(world().outlines) & set(world().points)
    assert len(codes) > 230
    assert world().has("US")
    assert world().has("SG")
    assert not world().has("")


def test_no_outline_crosses_the_whole_map() -> None:
    for path in world().outlines.values():
        for ring in path.to_polygons(closed_only=False):
            assert np.abs(np.diff(np.asarray(ring), axis=0)[:, 0]).max() < 0.5


def test_more_is_darker_and_land_without_a_number_is_neither() -> None:
    figure = world_map({"FR": 1.0, "DE": 10.0}, label="events", faint=("ES",))
    shade = {
        code: sum(to_rgb(patch.get_facecolor()))
        for code, patch in zip(world().outlines, figure.axes[0].patches, strict=True)
        if isinstance(patch, PathPatch)
    }
    assert shade["DE"] < shade["FR"]
    assert len({shade["FR"], shade["ES"], shade["IT"], shade["DE"]}) == 4


@pytest.mark.parametrize("values", [{}, {"FR": 0.0}, {"FR": 5.0}, {"XX": 1.0}])
def test_few_or_unknown_countries_still_make_a_map(values: dict[str, float]) -> None:
    logarithmic = 5.0 in values.values()
    assert world_map(values, label="x", logarithmic=logarithmic).axes
