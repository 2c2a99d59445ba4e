"""Fitting the function from a sum of trees to a probability of fraud.

``sigmoid`` is fitted by maximum likelihood (Platt, 1999), ``isotonic`` by pooling neighbours that
fall (Zadrozny and Elkan, KDD 2002); each of its steps has the share of fraud of the rows on it,
drawn a little towards that of all, so that no probability is 0 or 1, and is inclined a little, so
that it keeps the order of the scores.

Both are fitted to raw scores of rows that the model had not seen, and the one with the smaller log
loss, cross-fitted, is taken.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from model.calibration import KINDS, Calibration
from model.fitting.folds import stratified_folds

_FOLDS = 5
#: Steps this close are one: other sums of the same trees may differ by as much.
_MIN_GAP = 1e-5
#: A long step is made of so many low ones at most, each with this many rows at least and so much
#: higher than the one before: too little to matter as a probability, enough for a threshold.
_MOST_PARTS, _LEAST_IN_PART, _RISE = 100, 10, 2e-5


def choose_calibration(
    raw: NDArray[np.float32], fraud: NDArray[np.bool_], seed: int
) -> Calibration:
    """The better kind, fitted to all rows.

    Args:
        raw: of rows that the models which gave them had not seen, shape (n,).
        fraud: their labels, both present.
        seed: of the folds.
    """
    losses = {kind: _cross_fitted(raw, fraud, kind, seed) for kind in KINDS}
    kind = min(KINDS, key=lambda one: losses[one])
    return msgspec.structs.replace(fit_calibration(raw, fraud, kind), log_loss=losses)


def fit_calibration(raw: NDArray[np.float32], fraud: NDArray[np.bool_], kind: str) -> Calibration:
    """One kind, fitted to rows of both classes."""
    return _sigmoid(raw, fraud) if kind == "sigmoid" else _isotonic(raw, fraud)


def _cross_fitted(
    raw: NDArray[np.float32], fraud: NDArray[np.bool_], kind: str, seed: int
) -> float:
    number = min(_FOLDS, int(fraud.sum()), int((~fraud).sum()))
    found = np.empty(len(raw), np.float32)
    for fold in stratified_folds(fraud, number, seed):
        fitted = fit_calibration(raw[fold.train], fraud[fold.train], kind)
        found[fold.test] = fitted.apply(raw[fold.test])
    return round(float(log_loss(fraud, found.astype(np.float64))), 6)


def _sigmoid(raw: NDArray[np.float32], fraud: NDArray[np.bool_]) -> Calibration:
    model = LogisticRegression(C=1e6).fit(raw.astype(np.float64)[:, None], fraud)
    slope, intercept = float(model.coef_[0, 0]), float(model.intercept_[0])
    if slope <= 0:  # the scores say nothing, or the opposite of what they learnt
        rate = float(fraud.mean())
        slope, intercept = 0.0, float(np.log(rate / (1.0 - rate)))
    return Calibration("sigmoid", _float32(slope), _float32(intercept))


def _isotonic(raw: NDArray[np.float32], fraud: NDArray[np.bool_]) -> Calibration:
    order = np.argsort(raw, kind="stable")
    ranked, label = raw[order], fraud[order].astype(np.float64)
    level = IsotonicRegression().fit_transform(ranked.astype(np.float64), label)
    rises = np.flatnonzero(np.diff(level) > 0) + 1
    starts = np.append(0, rises[_is_apart(ranked, rises)])
    counts = np.diff(np.append(starts, len(ranked)))
    caught = np.add.reduceat(label, starts)
    steps = np.maximum.accumulate((caught + fraud.mean()) / (counts + 1.0))
    starts, steps = _inclined(ranked, starts, steps)
    middle = (ranked[starts[1:]].astype(np.float64) + ranked[starts[1:] - 1]) / 2.0
    return Calibration(
        "isotonic",
        edges=tuple(middle.astype(np.float32).astype(float).tolist()),
        steps=tuple(steps.astype(np.float32).astype(float).tolist()),
    )


def _is_apart(ranked: NDArray[np.float32], starts: NDArray[np.intp]) -> NDArray[np.bool_]:
    gap: NDArray[np.float64] = ranked[starts].astype(np.float64) - ranked[starts - 1]
    return gap >= _MIN_GAP


def _inclined(
    ranked: NDArray[np.float32], starts: NDArray[np.intp], steps: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The staircase with long steps made of many low ones, so that they keep the order of scores.

    On a level step all are alike: none could be looked at before the others, and an alert budget
    that is smaller than the step would be of no use.
    """
    ends = np.append(starts[1:], len(ranked))
    above = np.append(steps[1:], 1.0) - steps
    found_starts, found_steps = [], []
    for start, end, step, room in zip(starts, ends, steps, above, strict=True):
        parts = min(_MOST_PARTS, (end - start) // _LEAST_IN_PART, int(room / (2 * _RISE)))
        cuts = np.unique(np.linspace(start, end, max(parts, 1) + 1).astype(np.intp)[1:-1])
        cuts = cuts[_is_apart(ranked, cuts)]
        found_starts.append(np.append(start, cuts))
        found_steps.append(step + _RISE * np.arange(len(cuts) + 1))
    return np.concatenate(found_starts), np.concatenate(found_steps)


def _float32(value: float) -> float:
    return float(np.float32(value))
