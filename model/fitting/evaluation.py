"""The evaluation protocol: every split, every metric, every interval, and the model to keep.

Test rows are scored once, by models whose every choice was made inside their training part
(``model.fitting.fitting``). The same data, seed and budget give the same ``evaluation.json``, byte
for byte.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, CancelledError, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from threading import Event

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from model.costs import ALERTS_PER_DAY
from model.fitting.baselines import baselines, bought_at_once
from model.fitting.dataset import Dataset
from model.fitting.fitting import FittedPart, Procedure, fit_part
from model.fitting.imbalance import rows_of
from model.fitting.memo import Memo
from model.fitting.splits import Part, Split, splits_of
from model.metrics import RESAMPLES, Outcomes, Yardstick, day_of, measure
from model.results import Evaluation, Figures, PartSummary

#: Parts fitted side by side; each fit uses one thread.
_WORKERS = 2
WITHOUT_RINGS = "without_rings"

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Evaluated:
    """An evaluation, what it was made from, and the model fitted to all rows."""

    evaluation: Evaluation
    outcomes: dict[str, Outcomes]
    final: FittedPart


def evaluate(
    data: Dataset,
    procedure: Procedure,
    progress: Progress,
    resamples: int = RESAMPLES,
    memo: Memo | None = None,
) -> Evaluated:
    """Judge the procedure on every split the data allow, and fit it to all rows.

    Args:
        data: labelled events.
        procedure: how a model is made; the folds of ``random`` have the protocol's own seed.
        progress: called with (steps done, steps in all) whenever one is done.
        resamples: bootstrap samples for each interval.
        memo: of an earlier run with the same data and procedure.

    Raises:
        ModelError: nothing that was tried can be used.
    """
    splits, left_out = splits_of(data)
    everything = np.arange(len(data))
    jobs = {
        f"{split.name}{number}": part.train
        for split in splits
        for number, part in enumerate(split.parts)
    }
    fitted = _fitted(data, {**jobs, "all": everything}, procedure, progress, memo or Memo(None))
    parts_of = {
        split.name: [fitted[f"{split.name}{number}"] for number in range(len(split.parts))]
        for split in splits
    }
    outcomes = {split.name: _outcomes(data, split, parts_of[split.name]) for split in splits}
    yardstick = Yardstick(procedure.policy.costs, ALERTS_PER_DAY[data.profile])
    judge = partial(measure, yardstick=yardstick, seed=procedure.seed, resamples=resamples)
    evaluation = Evaluation(
        profile=data.profile,
        seed=procedure.seed,
        resamples=resamples,
        splits={name: judge(one) for name, one in outcomes.items()},
        baselines={
            split.name: {name: judge(one) for name, one in baselines(data, split).items()}
            for split in splits
        },
        subsets={
            split.name: found
            for split in splits
            if (found := _subsets(data, split, outcomes[split.name], judge))
        },
        parts={
            split.name: [
                _summary(data, part, one)
                for part, one in zip(split.parts, parts_of[split.name], strict=True)
            ]
            for split in splits
        },
        left_out=left_out,
        choice=fitted["all"].choice,
        costs=yardstick.costs,
        per_day=yardstick.per_day,
    )
    return Evaluated(evaluation, outcomes, final=fitted["all"])


def _fitted(
    data: Dataset,
    jobs: dict[str, NDArray[np.intp]],
    procedure: Procedure,
    progress: Progress,
    memo: Memo,
) -> dict[str, FittedPart]:
    """The procedure on each of some training parts, two at a time."""
    total, count, abandoned = procedure.steps * len(jobs), itertools.count(1), Event()
    failures: list[BaseException] = []

    def tick() -> None:
        if abandoned.is_set():
            raise CancelledError
        progress(next(count), total)

    def fitted_part(name: str) -> FittedPart:
        try:
            rows = jobs[name]
            part = rows_of(data.matrix[rows], data.fraud[rows], data.categories)
            return fit_part(part, data.time_ms[rows], procedure, memo.part(name), tick)
        except BaseException as error:
            # Here, as the main thread may be slow to hear of it; the first one is the cause.
            failures.append(error)
            abandoned.set()
            raise

    # The largest parts first, so that both threads end together.
    order = sorted(jobs, key=lambda name: -len(jobs[name]))
    # Sums in one order, and no threads that wait for each other.
    with threadpool_limits(1), ThreadPoolExecutor(_WORKERS) as pool:
        futures = {name: pool.submit(fitted_part, name) for name in order}
        try:
            wait(futures.values(), return_when=FIRST_EXCEPTION)
            if failures:
                raise failures[0]
            return {name: future.result() for name, future in futures.items()}
        except BaseException:
            # Otherwise an interrupted program would first fit all that is waiting.
            abandoned.set()
            pool.shutdown(cancel_futures=True)
            raise


def _outcomes(data: Dataset, split: Split, fitted: list[FittedPart]) -> Outcomes:
    pairs = list(zip(split.parts, fitted, strict=True))
    scores = [one.scores(data.matrix[part.test]) for part, one in pairs]
    rows = np.concatenate([part.test for part in split.parts])
    thresholds = [one.thresholds for one in fitted]
    reached = list(zip(scores, thresholds, strict=True))
    return Outcomes(
        data.fraud[rows],
        np.concatenate(scores),
        np.concatenate([score >= at.review for score, at in reached]),
        np.concatenate([score >= at.block for score, at in reached]),
        day_of(data.time_ms[rows]),
    )


def _subsets(
    data: Dataset, split: Split, outcomes: Outcomes, judge: Callable[[Outcomes], Figures]
) -> dict[str, Figures]:
    """The split without rings, whose members the rule knows, where both classes remain."""
    quick = bought_at_once(data)
    if quick is None:
        return {}
    kept = ~quick[np.concatenate([part.test for part in split.parts])]
    rest = outcomes.take(kept)
    return {WITHOUT_RINGS: judge(rest)} if 0 < rest.fraud.sum() < len(rest.fraud) else {}


def _summary(data: Dataset, part: Part, fitted: FittedPart) -> PartSummary:
    return PartSummary(
        train_rows=len(part.train),
        train_fraud=int(data.fraud[part.train].sum()),
        test_rows=len(part.test),
        test_fraud=int(data.fraud[part.test].sum()),
        model=str(fitted.choice.candidate),
        calibration=fitted.calibration.kind,
        review=fitted.thresholds.review,
        block=fitted.thresholds.block,
    )
