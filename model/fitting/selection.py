"""Which candidate is fitted: decided inside a training part, on what would have come later.

1. Every family is tried with every way with imbalance and its usual parameters, learning from at
   most ``SCREENED`` rows (all fraud, and honest rows drawn at random).
2. The best way of each family learns from all rows.
3. The best ``TUNED_FAMILIES`` of these are tuned: a fixed number of trials of a seeded sampler
   (Optuna's TPE: Bergstra et al., NIPS 2011).
4. Of all that learnt from all rows, those whose average precision, pooled over the expanding folds,
   lies within one standard error of the best one's (of the difference, by paired bootstrap) are
   tied. Among them the largest recall at 1 % false positives in the first fold, which on data that
   begin with an attack is the one that has to recognise it, decides; then simplicity: of the
   family, of the way with imbalance, of the trees.

Everything that is random is seeded, and the budget counts trials: the same rows give the same
choice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError
from model.candidate import Candidate, Choice, Tried
from model.fitting.boosting import raw_scores
from model.fitting.families import FAMILIES, fit_candidate, simplicity, usual
from model.fitting.folds import Fold, Indices
from model.fitting.imbalance import WAYS, Rows
from model.fitting.memo import Memo
from model.metrics import Outcomes, Ranking, drawn_values
from model.trees import explaining_cost

TUNED_FAMILIES = 2
SCREENED = 20_000
#: Recalls are compared to this many digits: less is no difference.
_DIGITS = 2
_RESAMPLES = 100
#: Steps of TreeSHAP (``model.trees.explaining_cost``) that fit into the 300 µs of an alert: a
#: thousand take about 3.3. Counted and not timed, so that the choice does not hang on the machine.
MAX_EXPLAINING_COST = 80_000.0


@dataclass(frozen=True, slots=True)
class Budget:
    """What is tried.

    Attributes:
        families: keys of ``model.fitting.families.FAMILIES``.
        ways: members of ``model.fitting.imbalance.WAYS``.
        trials: of tuning, in all.
    """

    families: tuple[str, ...] = tuple(FAMILIES)
    ways: tuple[str, ...] = WAYS
    trials: int = 12

    @classmethod
    def quick(cls) -> Budget:
        """Gradient boosting with its usual parameters, and nothing beside it."""
        return cls(("xgboost",), ("none",), 0)

    @property
    def screens(self) -> int:
        """How many candidates stand at the beginning."""
        return len(self.families) * len(self.ways)

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to choose."""
        return self.screens == 1 and not self.trials


class Selection:
    """The search in one training part.

    Args:
        rows: of the training part, in total order.
        folds: of these rows, at least one.
        budget: what is tried.
        seed: of fits, sampler and bootstrap.
        memo: knows what an earlier, interrupted run has found.
        tick: called after each of ``steps(budget)`` steps.
    """

    def __init__(
        self,
        rows: Rows,
        folds: Sequence[Fold],
        budget: Budget,
        seed: int,
        memo: Memo,
        tick: Callable[[], None],
    ) -> None:
        self._rows = rows
        self._folds = folds
        self._budget = budget
        self._seed = seed
        self._memo = memo
        self._tick = tick
        self._fraud = np.concatenate([rows.fraud[fold.test] for fold in folds])
        self._first = len(folds[0].test)
        self._full: dict[str, Tried] = {}
        self._scores: dict[str, NDArray[np.float32]] = {}

    def choose(self) -> Choice:
        """Try what the budget allows.

        Raises:
            ModelError: nothing that was tried can be explained in time.
        """
        screened = [
            self._try(usual(family, way), "screened", SCREENED)
            for family in self._budget.families
            for way in self._budget.ways
        ]
        best = [
            self._try(max(
                (one for one in screened if one.candidate.family == family), key=_merit
            ).candidate, "usual")
            for family in self._budget.families
        ]  # fmt: skip
        best.sort(key=_merit, reverse=True)
        tuned = best[:TUNED_FAMILIES]
        for place, one in enumerate(tuned):
            self._tune(one, self._budget.trials * (place + 1) // len(tuned)
                       - self._budget.trials * place // len(tuned))  # fmt: skip
        judged = self._judged()
        rest = [one for one in screened if one.candidate.key not in self._full]
        return Choice(judged[0].candidate, (*judged, *sorted(rest, key=_merit, reverse=True)))

    def _tune(self, start: Tried, trials: int) -> None:
        if not trials:
            return
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(
            direction="maximize",
            sampler=optuna.samplers.TPESampler(seed=self._seed, n_startup_trials=trials // 2),
        )
        study.enqueue_trial(start.candidate.parameters)
        propose = FAMILIES[start.candidate.family].propose
        for number in range(trials + 1):
            trial = study.ask()
            candidate = start.candidate.with_parameters(propose(trial))
            found = self._try(candidate, "tuned") if number else start
            study.tell(trial, found.average_precision if not found.refused else 0.0)

    def _try(self, candidate: Candidate, stage: str, most: int | None = None) -> Tried:
        if candidate.key in self._full:
            self._tick()
            return self._full[candidate.key]
        is_full = most is None or all(len(fold.train) <= most for fold in self._folds)
        name = f"{candidate.key}|{'all' if is_full else most}"
        found = self._memo.recall(name, lambda: self._fit(candidate, None if is_full else most))
        raw, cost = found["raw"], float(found["cost"])
        outcomes = self._outcomes(raw)
        first = Ranking(self._outcomes(raw, self._first))
        tried = Tried(
            candidate,
            stage,
            _rounded(Ranking(outcomes).value("average_precision")),
            _rounded(first.value("recall_at_fpr_1pct")),
            refused="" if cost <= MAX_EXPLAINING_COST else (
                f"explaining an alert takes {cost:,.0f} steps, {MAX_EXPLAINING_COST:,.0f} allowed"
            ),
            cost=cost,
        )  # fmt: skip
        if is_full:
            self._full[candidate.key] = tried
            self._scores[candidate.key] = raw
        self._tick()
        return tried

    def _fit(self, candidate: Candidate, most: int | None) -> dict[str, NDArray[Any]]:
        raws, costs = [], []
        for fold in self._folds:
            train = fold.train if most is None else self._drawn(fold.train, most)
            booster = fit_candidate(candidate, self._rows.take(train), self._seed)
            raws.append(raw_scores(booster, self._rows.matrix[fold.test]))
            costs.append(explaining_cost(booster))
        return {"raw": np.concatenate(raws), "cost": np.array(max(costs))}

    def _drawn(self, train: Indices, most: int) -> Indices:
        """All fraud of some rows, and as many of the honest ones as there is room for."""
        fraud = self._rows.fraud[train]
        honest = train[~fraud]
        room = max(most - int(fraud.sum()), most // 2)
        if len(honest) <= room:
            return train
        rng = np.random.default_rng(self._seed)
        return np.sort(np.concatenate([train[fraud], rng.choice(honest, room, replace=False)]))

    def _outcomes(self, raw: NDArray[np.float32], size: int | None = None) -> Outcomes:
        fraud = self._fraud[:size]
        nothing = np.zeros(len(fraud), np.bool_)
        return Outcomes(fraud, raw[:size], nothing, nothing)

    def _judged(self) -> list[Tried]:
        """All that learnt from all rows, in order of preference."""
        ranked = sorted(self._full.values(), key=_merit, reverse=True)
        allowed = [one for one in ranked if not one.refused]
        if not allowed:
            raise ModelError(
                f"none of the candidates can be explained in time ({ranked[0].refused}): "
                "try another --family, or more --trials"
            )
        best = allowed[0]
        rankings = {
            one.candidate.key: Ranking(self._outcomes(self._scores[one.candidate.key]))
            for one in allowed
        }
        draws = {
            key: drawn_values(ranking, "average_precision", self._seed, _RESAMPLES)
            for key, ranking in rankings.items()
        }
        judged = []
        for one in allowed:
            apart = draws[best.candidate.key] - draws[one.candidate.key]
            behind = best.average_precision - one.average_precision
            error = float(np.nanstd(apart))
            judged.append(
                msgspec.structs.replace(
                    one, behind=_rounded(behind), error=_rounded(error), tied=behind <= error
                )
            )
        judged.sort(key=lambda one: (not one.tied, -round(one.recall, _DIGITS) if one.tied else 0,
                                     simplicity(one.candidate, one.cost) if one.tied
                                     else (0, 0, 0.0, ""),
                                     -one.average_precision))  # fmt: skip
        return [*judged, *(one for one in ranked if one.refused)]


def steps(budget: Budget) -> int:
    """How many steps a search takes."""
    if budget.is_settled:
        return 0
    return budget.screens + len(budget.families) + budget.trials


def _merit(tried: Tried) -> tuple[bool, float, float]:
    return (not tried.refused, tried.average_precision, tried.recall)


def _rounded(value: float) -> float:
    return round(float(value), 6)
