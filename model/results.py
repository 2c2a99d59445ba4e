"""The typed content of ``evaluation.json``, and how its figures are written for people."""

from __future__ import annotations

import msgspec

from core.errors import ModelError

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
    "brier": "Brier score",
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
    """Size of one training and test part, and the thresholds chosen inside training."""

    train_rows: int
    train_fraud: int
    test_rows: int
    test_fraud: int
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
        parts: split → its parts.
        left_out: split → why these data do not allow it.
    """

    profile: str
    seed: int
    resamples: int
    splits: dict[str, Figures]
    baselines: dict[str, dict[str, Figures]]
    parts: dict[str, list[PartSummary]]
    left_out: dict[str, str]

    def columns(self) -> dict[str, Figures]:
        """Every column of a table of figures: the splits, then the baselines on each."""
        columns = dict(self.splits)
        for split, found in self.baselines.items():
            columns |= {f"{split}: {name.replace('_', ' ')}": one for name, one in found.items()}
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
