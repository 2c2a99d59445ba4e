"""The choice is made on what came later, with ties broken as said, and made again from a memo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.errors import ModelError
from model.candidate import Choice
from model.fitting import families, selection
from model.fitting.dataset import Dataset
from model.fitting.families import FAMILIES, simplicity
from model.fitting.folds import EXPANDING_FOLDS, LEAST, expanding_folds
from model.fitting.imbalance import rows_of
from model.fitting.memo import Memo
from model.fitting.selection import Budget, Selection, steps

DELAY = 86_400_000
SMALL = Budget(("logistic_regression", "decision_tree", "xgboost"), ("none", "class_weights"), 4)


def choose(
    data: Dataset, budget: Budget = SMALL, memo: Memo | None = None, ticks: list[int] | None = None
) -> Choice:
    rows = rows_of(data.matrix, data.fraud, data.categories)
    folds = expanding_folds(data.time_ms, data.fraud, DELAY, 0.2)
    counted: list[int] = [] if ticks is None else ticks
    search = Selection(rows, folds, budget, 42, memo or Memo(None), lambda: counted.append(1))
    return search.choose()


def test_folds_expand_and_leave_the_label_delay_out(dataset: Dataset) -> None:
    folds = expanding_folds(dataset.time_ms, dataset.fraud, DELAY, 0.2)
    assert len(folds) == EXPANDING_FOLDS
    for fold in folds:
        assert fold.train.tolist() == list(range(len(fold.train)))
        gap = dataset.time_ms[fold.test[0]] - dataset.time_ms[fold.train[-1]]
        assert gap >= DELAY
        assert gap < DELAY + 40 * 86_400_000 / 100
    tested = np.concatenate([fold.test for fold in folds])
    assert tested.tolist() == list(range(int(tested[0]), len(dataset)))
    assert dataset.fraud[: tested[0]].sum() == pytest.approx(0.2 * dataset.fraud.sum(), abs=1.5)


def test_folds_that_hold_too_little_are_left_out(dataset: Dataset) -> None:
    fraud = np.zeros(len(dataset), bool)
    fraud[: LEAST * 4] = True  # all of it at the beginning
    assert expanding_folds(dataset.time_ms, fraud, 0, 0.2) == []
    everything_late = expanding_folds(dataset.time_ms, dataset.fraud, 400 * DELAY, 0.2)
    assert everything_late == []


def test_every_family_and_way_is_tried_and_the_budget_kept(dataset: Dataset) -> None:
    ticks: list[int] = []
    choice = choose(dataset, ticks=ticks)
    assert len(ticks) == steps(SMALL)
    usual = {(one.candidate.family, one.candidate.imbalance) for one in choice.tried}
    assert usual == {(family, way) for family in SMALL.families for way in SMALL.ways}
    assert sum(one.stage == "tuned" for one in choice.tried) == SMALL.trials


def test_the_chosen_one_is_tied_with_the_best_and_beats_the_others_that_are(
    dataset: Dataset,
) -> None:
    choice = choose(dataset)
    chosen, *others = (one for one in choice.tried if one.tied)
    assert choice.candidate == chosen.candidate
    best = max(choice.tried, key=lambda one: one.average_precision)
    assert chosen.behind is not None
    assert chosen.error is not None
    assert chosen.behind == pytest.approx(best.average_precision - chosen.average_precision)
    assert chosen.behind <= chosen.error
    for one in others:
        assert round(one.recall, 2) <= round(chosen.recall, 2)
        if round(one.recall, 2) == round(chosen.recall, 2):
            assert simplicity(chosen.candidate, chosen.cost) < simplicity(one.candidate, one.cost)
    for one in choice.tried:
        if one.behind is not None and not one.tied:
            assert one.error is not None
            assert one.behind > one.error


def test_the_same_rows_and_seed_give_the_same_choice(dataset: Dataset) -> None:
    assert choose(dataset) == choose(dataset)


def test_an_interrupted_search_goes_on_where_it_was(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = choose(dataset)
    memo = Memo(tmp_path / "memo")
    fits = 0
    fit = families.fit_candidate

    def interrupted(*given: object) -> object:
        nonlocal fits
        fits += 1
        if fits == 16:
            raise KeyboardInterrupt
        return fit(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(selection, "fit_candidate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        choose(dataset, memo=memo)
    (cut_off, *_) = (tmp_path / "memo").iterdir()
    cut_off.write_bytes(cut_off.read_bytes()[:100])  # the machine went down while it was written
    assert choose(dataset, memo=memo) == expected
    in_all = (SMALL.screens + SMALL.trials) * EXPANDING_FOLDS
    assert fits < in_all + 1 + 2 * EXPANDING_FOLDS
    fits = 16
    assert choose(dataset, memo=memo) == expected
    assert fits == 16
    memo.forget()
    assert not (tmp_path / "memo").exists()


def test_what_takes_too_long_to_explain_is_not_chosen(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "MAX_EXPLAINING_COST", 4_000.0)
    choice = choose(dataset)
    assert choice.candidate.family != "xgboost"
    assert any("steps, 4,000 allowed" in one.refused for one in choice.tried)
    monkeypatch.setattr(selection, "MAX_EXPLAINING_COST", 1.0)
    with pytest.raises(ModelError, match="none of the candidates can be explained in time"):
        choose(dataset)


def test_all_families_have_a_space_around_their_usual_parameters() -> None:
    import optuna

    for family in FAMILIES.values():
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
        study.enqueue_trial(dict(family.usual))
        assert family.propose(study.ask()) == dict(family.usual)
