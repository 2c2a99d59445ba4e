"""How hard a sample is, measured as a user would: read the file, compute features, train, test.

``python -m tests.producer.sample_difficulty`` prints the table of docs/sample-data.md.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, precision_recall_curve
from xgboost import XGBClassifier

from features.countries import load_country_table
from features.csv_source import read_transactions
from features.offline import compute_features
from producer.sample import SampleOptions, write_sample

ROWS = 60_000
TRAIN_SHARES = (0.6, 0.7)
#: What says or follows from the label, and so is no feature.
_NOT_FEATURES = ("class", "Class", "labelled_at")


@dataclass(frozen=True, slots=True)
class Difficulty:
    """Average precisions at one profile and seed; shares in [0, 1].

    ``single``: of every declared feature and raw column by itself, in its better direction;
    ``in_time``: of the model, by the share of the time it was trained on;
    ``recall``: of the model trained on the first share, at precision ≥ 0.7.
    """

    single: dict[str, float]
    in_time: dict[float, float]
    recall: float

    @property
    def best_single(self) -> tuple[str, float]:
        return max(self.single.items(), key=lambda item: item[1])


def measure(profile: str, seed: int, folder: Path) -> Difficulty:
    path = folder / f"{profile}-{seed}.csv"
    write_sample(path, SampleOptions(profile=profile, rows=ROWS, seed=seed))
    data = read_transactions(path, profile)
    features = compute_features(data.batch, load_country_table(None))
    label = np.asarray(data.label, np.int64)
    order = data.batch.in_total_order()
    matrix, label = features.matrix[order], label[order]

    single = {
        name: _average_precision(matrix[:, column], label)
        for column, name in enumerate(features.names)
    }
    raw = pd.read_csv(path).drop(columns=list(_NOT_FEATURES), errors="ignore")
    for name in raw.columns:
        column = raw[name]
        numeric = pd.api.types.is_numeric_dtype(column)
        values = column if numeric else pd.factorize(column, sort=True)[0]
        single[f"raw {name}"] = _average_precision(np.asarray(values, np.float64), label)

    in_time, recalls = {}, []
    for share in TRAIN_SHARES:
        cut = int(share * len(label))
        model = XGBClassifier(
            n_estimators=150,
            max_depth=6,
            learning_rate=0.12,
            subsample=0.8,
            colsample_bytree=0.8,
            n_jobs=1,
            random_state=0,
        ).fit(matrix[:cut], label[:cut])
        score = model.predict_proba(matrix[cut:])[:, 1]
        in_time[share] = float(average_precision_score(label[cut:], score))
        precision, recall, _ = precision_recall_curve(label[cut:], score)
        recalls.append(float(recall[precision >= 0.7].max()))
    return Difficulty(single, in_time, recalls[0])


def _average_precision(values: NDArray[np.floating], label: NDArray[np.int64]) -> float:
    known = np.nan_to_num(values.astype(np.float64), nan=-1.0)
    return float(max(average_precision_score(label, sign * known) for sign in (1.0, -1.0)))


def main() -> None:
    out = sys.stdout.write
    out("| profile | seed | best single feature | trained on 60 % | trained on 70 % | recall |\n")
    out("|---|---|---|---|---|---|\n")
    with tempfile.TemporaryDirectory() as folder:
        for profile in ("ecommerce", "banking"):
            for seed in (7, 1, 2):
                found = measure(profile, seed, Path(folder))
                name, value = found.best_single
                figures = " | ".join(f"{found.in_time[share]:.3f}" for share in TRAIN_SHARES)
                out(f"| {profile} | {seed} | `{name}` {value:.3f} | {figures} ")
                out(f"| {found.recall:.2f} |\n")


if __name__ == "__main__":
    main()
