"""A better version is called better, chance is called chance, and what is no pair is not paired."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from cli.models_compare import compare
from core.errors import ModelError
from model import comparison
from model.comparison import BETTER, EVEN, WORSE, compare_outcomes, compare_versions
from model.costs import CostMatrix
from model.metadata import encode_metadata
from model.metrics import Outcomes, Yardstick, measure
from model.outcome_file import OUTCOMES_FILE, encode_outcomes
from model.registry import EVALUATION_FILE, METADATA_FILE, ModelVersion, Registry
from model.results import TITLES, encode_evaluation
from tests.model.test_metrics import random_outcomes

YARDSTICK = Yardstick(CostMatrix(missed=100.0, review=15.0, blocked=200.0), per_day=5)
FEW = 60

Add = Callable[..., ModelVersion]


def rescored(one: Outcomes, noise: float, seed: int = 1) -> Outcomes:
    """The same events, ranked worse the more noise there is."""
    rng = np.random.default_rng(seed)
    score = np.clip(one.score + rng.normal(0, noise, len(one.score)), 0, 1).astype(np.float32)
    return Outcomes(one.fraud, score, score >= 0.45, score >= 0.6, one.day)


GOOD = random_outcomes(1_000)
POOR = rescored(GOOD, 0.4)


def compared(first: Outcomes, second: Outcomes, **given: Any) -> comparison.SplitComparison:
    given = {"same_events": True, "resamples": FEW, **given}
    return compare_outcomes(first, second, YARDSTICK, 42, **given)


def test_a_model_against_itself_shows_no_difference_at_all() -> None:
    found = compared(GOOD, GOOD)
    assert found.paired
    assert set(found.metrics) == set(TITLES)
    for one in found.metrics.values():
        assert (one.difference.value, one.difference.low, one.difference.high) == (0.0, 0.0, 0.0)
        assert (one.p, one.verdict) == (1.0, EVEN)


def test_a_better_model_is_better_and_the_other_way_round_worse() -> None:
    forward, back = compared(POOR, GOOD).metrics, compared(GOOD, POOR).metrics
    for metric in ("average_precision", "roc_auc", "brier"):  # the last: less is better
        assert (forward[metric].verdict, back[metric].verdict) == (BETTER, WORSE)
        p, gap, opposite = (
            forward[metric].p, forward[metric].difference.value, back[metric].difference.value,
        )  # fmt: skip
        assert p == back[metric].p
        assert p is not None
        assert p < 0.05
        assert gap is not None
        assert opposite is not None
        assert gap == pytest.approx(-opposite)
    assert forward["brier"].difference.value is not None
    assert forward["brier"].difference.value < 0


def test_figures_are_those_of_the_evaluation() -> None:
    found = compared(GOOD, POOR).metrics
    for which, one in (("first", GOOD), ("second", POOR)):
        expected = measure(one, YARDSTICK, 42, FEW)
        assert {name: getattr(each, which) for name, each in found.items()} == expected


def test_pairs_see_what_two_intervals_do_not() -> None:
    slightly = rescored(GOOD, 0.02)
    paired = compared(GOOD, slightly).metrics["average_precision"].difference
    apart = compared(GOOD, slightly, same_events=False)
    assert not apart.paired
    alone = apart.metrics["average_precision"].difference
    assert paired.value == alone.value
    assert (paired.high or 0) - (paired.low or 0) < 0.5 * ((alone.high or 0) - (alone.low or 0))


def test_other_labels_are_never_paired() -> None:
    fraud = GOOD.fraud.copy()
    fraud[:2] = ~fraud[:2]
    other = Outcomes(fraud, GOOD.score, GOOD.flagged, GOOD.blocked, GOOD.day)
    assert not compared(GOOD, other).paired
    assert compared(GOOD, GOOD.take(np.arange(1_000) < 900)).events == (1_000, 900)


def test_equal_models_on_different_events_mostly_show_no_difference() -> None:
    verdicts = [
        compared(random_outcomes(400, seed), random_outcomes(400, seed + 100))
        .metrics["roc_auc"]
        .verdict
        for seed in range(20)
    ]
    assert verdicts.count(EVEN) >= 15


def test_a_figure_that_is_not_defined_has_no_verdict() -> None:
    honest = Outcomes(np.zeros(9, bool), GOOD.score[:9], GOOD.flagged[:9], GOOD.blocked[:9])
    one = compared(honest, honest).metrics["roc_auc"]
    assert (one.difference.value, one.p, one.verdict) == (None, None, EVEN)


@pytest.fixture
def add(tmp_path: Path, trained: ModelVersion) -> Add:
    """Adds a version with some outcomes to a registry of the test's own."""
    registry = Registry(tmp_path / "models")

    def added(outcomes: dict[str, Outcomes] | None, costs: CostMatrix | None = None,
              **training: Any) -> ModelVersion:  # fmt: skip
        def files(version: str) -> dict[str, bytes]:
            meta, evaluation = trained.metadata, trained.evaluation()
            metadata = msgspec.structs.replace(
                meta,
                version=version,
                training=msgspec.structs.replace(meta.training, **training),
            )
            content = {
                name: trained.read(name) for name in trained.digests if name != OUTCOMES_FILE
            } | {METADATA_FILE: encode_metadata(metadata)}
            if costs is not None:
                content[EVALUATION_FILE] = encode_evaluation(
                    msgspec.structs.replace(evaluation, costs=costs)
                )
            return content | (
                {} if outcomes is None else {OUTCOMES_FILE: encode_outcomes(outcomes)}
            )

        return registry.load("ecommerce", registry.add("ecommerce", files))

    return added


def test_versions_of_one_file_are_paired_split_by_split(add: Add) -> None:
    first, second = add({"time": POOR, "random": GOOD}), add({"random": GOOD, "time": GOOD})
    found = compare_versions(first, second, FEW)
    assert list(found.splits) == ["random", "time"]
    assert all(one.paired for one in found.splits.values())
    assert (found.first, found.second, found.apart, found.notes) == ("v1", "v2", "", ())
    assert found.splits["time"].metrics["average_precision"].verdict == BETTER
    assert found.splits["random"].metrics["average_precision"].verdict == EVEN


@pytest.mark.parametrize(
    ("training", "why"),
    [
        ({"sha256": "cd" * 32}, "different files"),
        ({"until": "2015-02-01T00:00:00.000Z"}, "(the end, 2015-02-01T00:00:00.000Z)"),
        ({"rows": 7}, "7 in the other"),
    ],
)
def test_other_data_are_not_paired_and_the_page_says_why(
    add: Add, training: dict[str, Any], why: str
) -> None:
    found = compare_versions(add({"time": GOOD}), add({"time": POOR}, **training), FEW)
    assert why in found.apart
    assert not found.splits["time"].paired


def test_costs_are_those_of_the_first_and_a_note_says_so(add: Add) -> None:
    dear = CostMatrix(missed=1e6, review=1.0, blocked=1.0)
    first, second = add({"time": GOOD, "random": GOOD}), add({"time": GOOD}, costs=dear)
    found = compare_versions(first, second, FEW)
    cost = found.splits["time"].metrics["cost_per_1000"]
    assert cost.first == cost.second
    assert "costs are counted as v1 counts them" in found.notes[0]
    assert found.notes[1] == "random is not compared: only one of them has it"


def test_a_version_without_outcomes_or_a_common_split_says_what_to_do(add: Add) -> None:
    first, without, other = add({"time": GOOD}), add(None), add({"random": GOOD})
    with pytest.raises(ModelError, match=r"v2 has no outcomes\.npz.*fraudstream train CSV"):
        compare_versions(first, without)
    with pytest.raises(ModelError, match=r"no split in common \(time; random\).*train"):
        compare_versions(first, other)


@pytest.fixture
def command(
    add: Add, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str]]:
    """The command alone, on a registry with three versions, the last of another file."""
    add({"time": POOR})
    add({"time": GOOD})
    add({"time": GOOD}, sha256="cd" * 32)
    monkeypatch.setenv("FRAUDSTREAM_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(comparison, "RESAMPLES", FEW)
    Registry(tmp_path / "models").promote("ecommerce", "v2")
    app = typer.Typer()
    app.command()(compare)

    def run(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, list(words), env={"COLUMNS": "110"})
        return result.exit_code, result.stdout

    return run


def test_the_command_shows_both_versions_and_the_difference(
    command: Callable[..., tuple[int, str]],
) -> None:
    code, text = command("v1", "v2", "--profile", "ecommerce")
    assert code == 0
    for part in ("v2, champion", "v2 − v1", "1,000 test events, paired", "better", "95 %"):
        assert part in text
    assert "not paired" not in text


def test_the_command_says_in_words_that_events_differ(
    command: Callable[..., tuple[int, str]],
) -> None:
    _, text = command("v1", "v3")
    words = " ".join(text.split())
    assert "1,000 against 1,000 test events, not paired" in words
    assert "the test events are not the same (they come from different files)" in words


def test_the_command_prints_all_metrics_as_json(command: Callable[..., tuple[int, str]]) -> None:
    _, text = command("v1", "v2", "--json")
    found = json.loads(text)
    assert (found["profile"], found["first"], found["second"]) == ("ecommerce", "v1", "v2")
    assert set(found["splits"]["time"]["metrics"]) == set(TITLES)
    one = found["splits"]["time"]["metrics"]["average_precision"]
    assert one["verdict"] == BETTER
    assert one["difference"]["low"] > 0
