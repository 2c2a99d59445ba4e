"""The control share: drawn by event id alone, of what the model would block, and told."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError
from core.names import Decision
from core.settings import load_settings
from features.batch import EventBatch
from model.control import in_control, weight_of
from model.fitting.dataset import Dataset
from model.registry import ModelVersion
from stream.decisions import DecisionMaker
from tests.features.events import make_batch

IDS = [f"event-{number}" for number in range(20_000)]


def batch_of(ids: list[str]) -> EventBatch:
    n = len(ids)
    return make_batch(ids, [0] * n, [1] * n, ["u"] * n, ["d"] * n, [None] * n)


@pytest.mark.parametrize("share", [0.001, 0.01, 0.1])
def test_about_the_share_is_drawn(share: float) -> None:
    drawn = sum(in_control(IDS, share))
    deviation = np.sqrt(len(IDS) * share * (1 - share))
    assert abs(drawn - share * len(IDS)) < 4 * deviation


@given(st.lists(st.text(max_size=20)), st.floats(0, 0.1), st.floats(0, 0.1))
def test_the_draw_hangs_on_the_id_alone_and_grows_with_the_share(
    ids: list[str], one: float, other: float
) -> None:
    small, large = sorted((one, other))
    drawn = in_control(ids, small)
    assert drawn == [in_control([event_id], small)[0] for event_id in ids]
    assert all(wide for narrow, wide in zip(drawn, in_control(ids, large), strict=True) if narrow)
    assert not any(in_control(ids, 0.0))


def test_an_event_stands_for_as_many_as_the_share_leaves_out() -> None:
    assert weight_of(0.1) == 10
    assert weight_of(0.0) is None


def test_the_share_has_a_bound() -> None:
    with pytest.raises(ConfigError, match=r"FRAUDSTREAM_CONTROL_SHARE=0\.2"):
        load_settings(control_share=0.2)


def test_only_blocked_events_are_drawn_and_nothing_else_changes(
    trained: ModelVersion, dataset: Dataset
) -> None:
    matrix = dataset.matrix
    batch = batch_of(IDS[: len(matrix)])
    bounds = {"threshold_review": 0.001, "threshold_block": 0.01}
    usual = DecisionMaker(trained, load_settings(**bounds))
    sparing = DecisionMaker(trained, load_settings(**bounds, control_share=0.1))
    country = np.zeros(len(batch), np.int16)
    before, after = (one.decide(matrix, batch, country) for one in (usual, sparing))
    assert not before.control.any()
    drawn = in_control(batch.event_id, 0.1)
    expected = [
        taken and one == Decision.BLOCK for taken, one in zip(drawn, before.decision, strict=True)
    ]
    assert after.control.tolist() == expected
    assert any(expected)
    assert list(after.decision) == [
        Decision.REVIEW if taken else one
        for taken, one in zip(expected, before.decision, strict=True)
    ]
    np.testing.assert_array_equal(after.score, before.score)
    np.testing.assert_array_equal(after.threshold, before.threshold)
    assert after.reasons == before.reasons


def test_the_share_is_part_of_the_alert_id(trained: ModelVersion) -> None:
    ids = {
        DecisionMaker(trained, load_settings(control_share=share)).encoder.alert_id("e")
        for share in (0.0, 0.01, 0.1)
    }
    assert len(ids) == 3
