"""The typed content of ``evaluation.json``, and how its figures are written for people."""

from __future__ import annotations

import msgspec

from core.errors import ModelError
from model.candidate import Choice
from model.costs import CostMatrix

#: Metric → how it is called in tables. ``precision`` and ``recall`` mean alert against label.
TITLES = {
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
    "accuracy": "accuracy",
    "f1_at_half": "F1 at .5",
    "precision_at_half": "precision at .5",
    "recall_at_half": "recall at .5",
    "accuracy_at_half": "accuracy at .5",
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "recall_at_fpr_1pct": "recall at 1 % FPR",
    "recall_at_fpr_01pct": "recall at 0.1 % FPR",
    "precision_at_k_per_day": "precision of a day's first k",
    "brier": "Brier score",
    "cost_per_1000": "cost of 1,000 events",
}
SPLITS = {
    "random": "stratified 5-fold, out-of-fold scores pooled",
    "time": "first 70 % of the events against the rest",
    "attack": "before 2015-01-08 against 8 to 31 January 2015, the rest of the ring attack",
}


class Interval(msgspec.Struct, frozen=True):
    """A figure and its 95 % interval; None where it is not defined (one class only)."""

    value: float | None
    low: float | None
    high: float | None

    def __str__(self) -> str:
        """``0.696 (0.681–0.711)``, or a dash where it is not defined."""
        if self.value is None or self.low is None or self.high is None:
            return "–"
        return f"{self.value:.3f} ({self.low:.3f}–{self.high:.3f})"


Figures = dict[str, Interval]


class PartSummary(msgspec.Struct, frozen=True):
    """Size of one training and test part, and what was chosen inside training.

    ``model`` is the candidate (``xgboost, none``), ``calibration`` the kind of it.
    """

    train_rows: int
    train_fraud: int
    test_rows: int
    test_fraud: int
    model: str
    calibration: str
    review: float
    block: float


class Evaluation(msgspec.Struct, frozen=True):
    """Content of ``evaluation.json``.

    Attributes:
        profile: name of the profile.
        seed: of the models and the resampling.
        resamples: bootstrap samples behind each interval.
        splits: split → metric → figure with interval.
        baselines: split → baseline → metric → figure with interval.
        subsets: split → name of some of its test rows → metric → figure with interval.
        parts: split → its parts.
        left_out: split → why these data do not allow it.
        choice: of the model that was fitted to all rows.
        costs: by which ``cost_per_1000`` is counted.
        per_day: the k of ``precision_at_k_per_day``.
    """

    profile: str
    seed: int
    resamples: int
    splits: dict[str, Figures]
    baselines: dict[str, dict[str, Figures]]
    subsets: dict[str, dict[str, Figures]]
    parts: dict[str, list[PartSummary]]
    left_out: dict[str, str]
    choice: Choice
    costs: CostMatrix
    per_day: int

    def columns(self) -> dict[str, Figures]:
        """Every column of a table of figures: the splits, then subsets and baselines of each."""
        columns = dict(self.splits)
        for group in (self.subsets, self.baselines):
            for split, found in group.items():
                columns |= {
                    f"{split}: {name.replace('_', ' ')}": one for name, one in found.items()
                }
        return columns


def encode_evaluation(evaluation: Evaluation) -> bytes:
    """The file's bytes: indented JSON in the order of the fields."""
    return msgspec.json.format(msgspec.json.encode(evaluation), indent=2) + b"\n"


def decode_evaluation(raw: bytes, where: str) -> Evaluation:
    """The evaluation in ``raw``.

    Raises:
        ModelError: it is not what this program writes; ``where`` names the file in the message.
    """
    try:
        return msgspec.json.decode(raw, type=Evaluation)
    except msgspec.MsgspecError as error:
        raise ModelError(
            f"{where}: {error}: train the model again with `fraudstream train CSV`"
        ) from None
