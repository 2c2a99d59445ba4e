"""``python -m bench velocity CSV``: what the device and IP windows are worth.

On the split of the evaluation protocol that contains the attack, models without the sign-up lag are
trained twice, with and without what is known of the device's and the address's past. The lag alone
gives the rings of that file away; without it the streaming state has to find them.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from bench.results_file import keep, surroundings
from core.errors import DataError
from features.countries import load_country_table
from features.csv_source import read_transactions
from features.declared import Feature, declared_features
from model.costs import ALERTS_PER_DAY, COSTS
from model.fitting.boosting import raw_scores
from model.fitting.dataset import Dataset, make_dataset
from model.fitting.families import fit_candidate, usual
from model.fitting.imbalance import rows_of
from model.fitting.splits import splits_of
from model.metrics import Outcomes, Yardstick, measure
from model.results import Interval


def is_lag(feature: Feature) -> bool:
    """Whether it tells the time from sign-up to purchase."""
    return "seconds_since_signup" in (feature.name, feature.form_of)


def is_place(feature: Feature) -> bool:
    """Whether it tells of the past of a device or an address."""
    return feature.entity in ("device", "ip")


def average_precision(
    data: Dataset, split_name: str, seed: int, kept: tuple[Feature, ...]
) -> Interval:
    """Of a model that is given only ``kept``, on the test rows of a split; 95 % interval.

    Raises:
        DataError: the data do not allow this split.
    """
    splits, left_out = splits_of(data)
    split = next((one for one in splits if one.name == split_name), None)
    if split is None:
        why = left_out.get(split_name, "there is none of this name")
        raise DataError(f"split {split_name!r}: {why}")
    columns = [data.names.index(feature.name) for feature in kept]
    matrix = np.ascontiguousarray(data.matrix[:, columns])
    rows, scores = [], []
    for part in split.parts:
        train = rows_of(matrix[part.train], data.fraud[part.train])
        booster = fit_candidate(usual("xgboost"), train, seed)
        rows.append(part.test)
        scores.append(raw_scores(booster, matrix[part.test]))
    fraud, score = data.fraud[np.concatenate(rows)], np.concatenate(scores)
    flagged = score >= 0  # even odds
    yardstick = Yardstick(COSTS[data.profile], ALERTS_PER_DAY[data.profile])
    outcomes = Outcomes(fraud, score, flagged, flagged)
    return measure(outcomes, yardstick, seed)["average_precision"]


def velocity(
    csv: Annotated[Path, typer.Argument(help="Labelled e-commerce transactions.", exists=True)],
    ip_table: Annotated[Path | None, typer.Option(help="Ranges; default: built in.")] = None,
    split: Annotated[str, typer.Option(help="Of the evaluation protocol.")] = "attack",
    seed: Annotated[int, typer.Option(help="Of the models.")] = 42,
) -> None:
    """What the device and IP windows add to a model without the sign-up lag."""
    with tempfile.TemporaryDirectory() as folder:
        data = read_transactions(csv, "ecommerce", rejects=Path(folder) / "rejects.csv")
    dataset = make_dataset(data.batch, data.label, load_country_table(ip_table))
    every = declared_features("ecommerce")
    no_lag = tuple(one for one in every if not is_lag(one))
    kept = {
        "all features": every,
        "without the sign-up lag": no_lag,
        "without the lag and the device and IP windows": tuple(
            one for one in no_lag if not is_place(one)
        ),
    }
    found = {name: average_precision(dataset, split, seed, one) for name, one in kept.items()}
    result: dict[str, Any] = {
        "file": csv.name,
        "split": split,
        "average_precision": {
            name: {"value": one.value, "low": one.low, "high": one.high}
            for name, one in found.items()
        },
        **surroundings(),
    }
    lines = [
        f"# What velocity is worth: {csv.name}, split `{split}`",
        "",
        f"`python -m bench velocity {csv.name}{'' if ip_table is None else ' --ip-table TABLE'}`, "
        f"commit {result['commit']}.",
        "",
        "| model | average precision | 95 % interval |",
        "|---|---|---|",
        *(
            f"| {name} | {one['value']:.3f} | {one['low']:.3f} – {one['high']:.3f} |"
            for name, one in result["average_precision"].items()
        ),
        "",
    ]
    keep("velocity", result, lambda before: "\n".join(lines))
