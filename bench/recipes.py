"""Well-known recipes on the splits of a version's evaluation, compared with it event by event.

The study that this project began as fitted logistic regression, a decision tree, a random forest
and gradient boosting, with their libraries' settings and a threshold of one half, to the fields of
an event and the time since sign-up. Here they are fitted to the same training rows as the version's
own models and judged on the same test rows; beside them stands a forest of 100 trees on all
features. The difference to the version is bootstrapped in pairs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import typer
from numpy.typing import NDArray
from rich.progress import track
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier

from bench.results_file import keep, surroundings
from core.errors import ModelError
from core.settings import load_settings
from features.countries import load_country_table
from features.csv_source import read_transactions
from features.profiles import VECTOR
from model.comparison import SplitComparison, compare_outcomes
from model.fitting.dataset import Dataset, make_dataset
from model.fitting.imbalance import LOWEST
from model.fitting.splits import Part, Split, splits_of
from model.metrics import HALF, Outcomes, Yardstick, day_of
from model.outcome_file import OUTCOMES_FILE, decode_outcomes
from model.registry import Registry

#: What an event says by itself.
FIELDS = {
    "ecommerce": (
        "purchase_value", "age", "sex", "source", "browser", "hour", "weekday",
        "seconds_since_signup", "country",
    ),
    "banking": (*VECTOR, "amount"),
}  # fmt: skip
RECIPES: dict[str, Callable[[int], Any]] = {
    "logistic_regression": lambda seed: LogisticRegression(max_iter=1000),
    "decision_tree": lambda seed: DecisionTreeClassifier(random_state=seed),
    "random_forest": lambda seed: RandomForestClassifier(100, random_state=seed, n_jobs=2),
    "gradient_boosting": lambda seed: XGBClassifier(random_state=seed, n_jobs=2),
}
FOREST = "forest_100_all_features"
SHOWN = ("f1", "precision", "recall", "average_precision", "recall_at_fpr_1pct")


def recipes(
    csv: Annotated[Path, typer.Argument(help="Labelled transactions.", exists=True)],
    version: Annotated[
        str | None, typer.Option(help="Trained on this file; default: the champion.")
    ] = None,
    profile: Annotated[str | None, typer.Option(help="Default: by the file's header.")] = None,
    seed: Annotated[int, typer.Option(help="Of the models.")] = 42,
) -> None:
    """Compare a version with well-known recipes, on the same splits of the same file."""
    settings = load_settings(profile=profile)
    with tempfile.TemporaryDirectory() as folder:
        read = read_transactions(csv, profile, rejects=Path(folder) / "rejects.csv")
    data = make_dataset(read.batch, read.label, load_country_table(settings.ip_table))
    ours = Registry(settings.models).load(data.profile, version)
    meta, evaluation = ours.metadata, ours.evaluation()
    if (meta.training.sha256, meta.training.rows) != (read.report.sha256, len(data)):
        raise ModelError(
            f"{data.profile} model {meta.version} was not trained on all of {csv.name}: train one "
            "with `fraudstream train CSV`, or name it with --version"
        )
    outcomes = decode_outcomes(ours.read(OUTCOMES_FILE), str(ours.path / OUTCOMES_FILE))
    yardstick = Yardstick(evaluation.costs, evaluation.per_day)
    found: dict[str, dict[str, SplitComparison]] = {}
    for name in track([*RECIPES, FOREST], description="fitting recipes"):
        found[name] = {
            split.name: compare_outcomes(
                _outcomes(data, split, name, seed), outcomes[split.name], yardstick,
                evaluation.seed, same_events=True,
            )
            for split in splits_of(data)[0]
        }  # fmt: skip
    result = {
        "file": csv.name,
        "model": f"{meta.version}: {meta.candidate}",
        "recipes": {
            name: {split: msgspec.to_builtins(one) for split, one in by_split.items()}
            for name, by_split in found.items()
        },
        **surroundings(),
    }
    lines = [
        f"# Recipes: {csv.name}",
        "",
        f"`python -m bench recipes {csv.name}`, commit {result['commit']}, against {meta.version} "
        f"({meta.candidate}). In brackets: the version minus the recipe, 95 % by paired bootstrap.",
        "",
        *(line for split in outcomes for line in _table(split, found)),
    ]
    keep(f"recipes-{data.profile}", result, lambda before: "\n".join(lines))


def _outcomes(data: Dataset, split: Split, name: str, seed: int) -> Outcomes:
    """What a recipe makes of the test rows of a split."""
    scores = [_scores(data, part, name, seed) for part in split.parts]
    rows = np.concatenate([part.test for part in split.parts])
    score = np.concatenate(scores)
    flagged = score >= HALF
    nothing = np.zeros(len(rows), np.bool_)
    return Outcomes(data.fraud[rows], score, flagged, nothing, day_of(data.time_ms[rows]))


def _scores(data: Dataset, part: Part, name: str, seed: int) -> NDArray[np.float32]:
    names = data.names if name == FOREST else FIELDS[data.profile]
    columns = [data.names.index(one) for one in names]
    coded = [at for at, column in enumerate(columns) if column in data.categories]
    numbers = [at for at in range(len(columns)) if at not in coded]
    unknown = SimpleImputer(strategy="constant", keep_empty_features=True, fill_value=LOWEST)
    if name == FOREST:
        model = make_pipeline(unknown, RECIPES["random_forest"](seed))
    else:
        prepared = make_column_transformer(
            (make_pipeline(SimpleImputer(), StandardScaler()), numbers),
            (make_pipeline(unknown, OneHotEncoder(handle_unknown="ignore")), coded),
            sparse_threshold=0,
        )
        model = make_pipeline(prepared, RECIPES[name](seed))
    matrix = data.matrix[:, columns]
    model.fit(matrix[part.train], data.fraud[part.train])
    found: NDArray[np.float32] = model.predict_proba(matrix[part.test])[:, 1].astype(np.float32)
    return found


def _table(split: str, found: dict[str, dict[str, SplitComparison]]) -> list[str]:
    by_recipe = {name: one[split].metrics for name, one in found.items()}
    ours = next(iter(by_recipe.values()))
    rows = [
        "| the version | " + " | ".join(str(ours[metric].second) for metric in SHOWN) + " |",
        *(
            f"| {name.replace('_', ' ')} | "
            + " | ".join(
                f"{metrics[metric].first.value:.3f} [{metrics[metric].difference}]"
                for metric in SHOWN
            )
            + " |"
            for name, metrics in by_recipe.items()
        ),
    ]
    head = "| | " + " | ".join(metric.replace("_", " ") for metric in SHOWN) + " |"
    return [f"## `{split}`", "", head, "|---" * (len(SHOWN) + 1) + "|", *rows, ""]
