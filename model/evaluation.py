"""The evaluation protocol: every split, every metric, every interval, and the model to keep.

Test rows are scored once, by models whose every choice was made inside their training part
(``model.fitting``). The same data and seed give the same ``evaluation.json``, byte for byte.
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

from model.baselines import baselines
from model.boosting import predict
from model.dataset import Dataset
from model.fitting import FITS, FittedPart, fit_part
from model.metrics import RESAMPLES, Outcomes, measure
from model.results import Evaluation, PartSummary
from model.splits import Part, Split, splits_of

#: Parts fitted side by side; each fit uses one thread.
_WORKERS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Evaluated:
    """An evaluation, what it was made from, and the model fitted to all rows."""

    evaluation: Evaluation
    outcomes: dict[str, Outcomes]
    final: FittedPart


def evaluate(
    data: Dataset,
    seed: int,
    progress: Callable[[int, int], None],
    resamples: int = RESAMPLES,
) -> Evaluated:
    """Judge the procedure on every split the data allow, and fit it to all rows.

    Args:
        data: labelled events.
        seed: of models and resampling; the folds of ``random`` have the protocol's own.
        progress: called with (models fitted, models in all) whenever one is done.
        resamples: bootstrap samples for each interval.
    """
    splits, left_out = splits_of(data)
    everything = np.arange(len(data))
    jobs = [part.train for split in splits for part in split.parts] + [everything]
    total, count, abandoned = FITS * len(jobs), itertools.count(1), Event()

    failures: list[BaseException] = []

    def tick() -> None:
        if abandoned.is_set():
            raise CancelledError
        progress(next(count), total)

    def fitted_part(rows: NDArray[np.intp]) -> FittedPart:
        try:
            return fit_part(data.matrix[rows], data.fraud[rows], seed, tick)
        except BaseException as error:
            # Here, as the main thread may be slow to hear of it; the first one is the cause.
            failures.append(error)
            abandoned.set()
            raise

    # The largest parts first, so that both threads end together.
    order = sorted(range(len(jobs)), key=lambda job: -len(jobs[job]))
    with ThreadPoolExecutor(_WORKERS) as pool:
        futures = {job: pool.submit(fitted_part, jobs[job]) for job in order}
        try:
            wait(futures.values(), return_when=FIRST_EXCEPTION)
            if failures:
                raise failures[0]
            fitted = [futures[job].result() for job in range(len(jobs))]
        except BaseException:
            # Otherwise an interrupted program would first fit all that is waiting.
            abandoned.set()
            pool.shutdown(cancel_futures=True)
            raise

    waiting = iter(fitted)
    parts_of = {split.name: [next(waiting) for _ in split.parts] for split in splits}
    outcomes = {split.name: _outcomes(data, split, parts_of[split.name]) for split in splits}
    judge = partial(measure, seed=seed, resamples=resamples)
    evaluation = Evaluation(
        profile=data.profile,
        seed=seed,
        resamples=resamples,
        splits={name: judge(one) for name, one in outcomes.items()},
        baselines={
            split.name: {name: judge(one) for name, one in baselines(data, split).items()}
            for split in splits
        },
        parts={
            split.name: [
                _summary(data, part, one)
                for part, one in zip(split.parts, parts_of[split.name], strict=True)
            ]
            for split in splits
        },
        left_out=left_out,
    )
    return Evaluated(evaluation, outcomes, final=next(waiting))


def _outcomes(data: Dataset, split: Split, fitted: list[FittedPart]) -> Outcomes:
    scores = [
        predict(one.booster, data.matrix[part.test])
        for part, one in zip(split.parts, fitted, strict=True)
    ]
    flagged = [score >= one.thresholds.review for score, one in zip(scores, fitted, strict=True)]
    rows = np.concatenate([part.test for part in split.parts])
    return Outcomes(data.fraud[rows], np.concatenate(scores), np.concatenate(flagged))


def _summary(data: Dataset, part: Part, fitted: FittedPart) -> PartSummary:
    return PartSummary(
        train_rows=len(part.train),
        train_fraud=int(data.fraud[part.train].sum()),
        test_rows=len(part.test),
        test_fraud=int(data.fraud[part.test].sum()),
        review=fitted.thresholds.review,
        block=fitted.thresholds.block,
    )
