"""``fraudstream train``: from a labelled CSV to a model version, judged before it is used.

1. The CSV is read, 2. features are computed, 3. models are fitted for every split of the evaluation
and one for use, 4. the version is stored, and promoted when asked or when there is no champion.
Progress goes to standard error, the result to standard output.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from cli.csv_options import AsJson, DateOrder, Profile, Rejects, Tz, require_packages
from cli.csv_reading import read_with_bar
from cli.models import print_version, version_as_dict
from cli.step_bars import step_bars
from core.errors import ConfigError
from core.names import Role
from core.settings import load_settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from model.registry import ModelVersion, Registry

_EXTRA = ("imblearn", "jinja2", "matplotlib", "onnx", "onnxmltools", "optuna", "sklearn")
_SEED = 42
_TRIALS = 12


def train(
    csv: Annotated[
        Path,
        typer.Argument(help="Labelled transactions, also gzipped.", exists=True, dir_okay=False),
    ],
    *,
    profile: Profile = None,
    since: Annotated[
        str | None,
        typer.Option(
            help="Learn only from events at or after this time; those before are history."
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Use only events before this time (ISO 8601).")
    ] = None,
    until_share: Annotated[
        float | None,
        typer.Option(help="Use only the first part of the file's time, such as 0.6."),
    ] = None,
    promote: Annotated[
        bool | None,
        typer.Option(
            "--promote/--no-promote",
            help="Whether workers are to use the new model.",
            show_default="only if none is in use",
        ),
    ] = None,
    challenger: Annotated[
        bool,
        typer.Option(
            "--challenger", help="Workers are to score the new model beside the champion."
        ),
    ] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Gradient boosting as it is; try nothing beside it.")
    ] = False,
    family: Annotated[
        list[str] | None,
        typer.Option(
            help="logistic_regression, decision_tree, random_forest or xgboost; can be repeated.",
            show_default="all",
        ),
    ] = None,
    imbalance: Annotated[
        list[str] | None,
        typer.Option(
            help="none, class_weights, under_sampling or smote; can be repeated.",
            show_default="all",
        ),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(help="Of tuning, for each model.", min=0, show_default=str(_TRIALS)),
    ] = None,
    label_delay: Annotated[
        str | None,
        typer.Option(
            help="How long labels take to be known, such as 7d.",
            show_default="ecommerce 1d, banking 1h",
        ),
    ] = None,
    threshold_by: Annotated[
        str, typer.Option(help="cost or budget: how review and block are chosen.")
    ] = "cost",
    alert_budget: Annotated[
        float, typer.Option(help="Share of all events that may be alerted, for budget.")
    ] = 0.01,
    cost_missed: Annotated[
        float | None, typer.Option(help="Of a fraud that is allowed.", show_default="by profile")
    ] = None,
    cost_review: Annotated[
        float | None, typer.Option(help="Of an analyst's look.", show_default="by profile")
    ] = None,
    cost_blocked: Annotated[
        float | None,
        typer.Option(help="Of an honest customer turned away.", show_default="by profile"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed and file: the same model.", min=0)] = _SEED,
    tz: Tz = "UTC",
    date_order: DateOrder = "auto",
    rejects: Rejects = None,
    as_json: AsJson = False,
) -> None:
    """Train a model on a labelled CSV, evaluate it honestly, and store it as a new version.

    Families of models, ways with imbalance and parameters are tried inside each training part; the
    table shows each split of the evaluation protocol (random, time, attack) beside simple
    baselines. A run that was interrupted goes on where it was when it is started again in the same
    way. docs/model.md explains it.

    Example:

        fraudstream train Fraud_Data.csv --since 2015-01-08 --until 2015-06-01 --challenger
    """
    if until is not None and until_share is not None:
        raise ConfigError("--until and --until-share say the same thing: leave one of them out")
    if challenger and promote is not None:
        raise ConfigError(
            "--challenger and --promote/--no-promote exclude each other: leave one of them out"
        )
    if until_share is not None and not 0 < until_share < 1:
        raise ConfigError(f"--until-share {until_share} is not between 0 and 1: write 0.6")
    require_packages(_EXTRA, "training")
    from cli.train_options import costs_of, policy_of, tried
    from features.countries import load_country_table
    from model.fitting.dataset import make_dataset
    from model.fitting.fitting import Procedure
    from model.fitting.folds import FIRST_SHARE, LABEL_DELAY_MS
    from model.registry import Registry
    from model.training import Origin, train_model
    from producer.options import duration_ms

    budget = tried(quick, family, imbalance, trials)
    settings = load_settings(profile=profile)
    console = Console(stderr=True, highlight=False)
    with step_bars(console) as steps:
        data = read_with_bar(steps, csv, profile, tz=tz, date_order=date_order, rejects=rejects)
        until_ms = _until_ms(until, until_share, tz, data.batch.time_ms)
        computing = steps.add_task("computing features", total=1)
        countries = load_country_table(settings.ip_table)
        dataset = make_dataset(data.batch, data.label, countries, until_ms, _since_ms(since, tz))
        steps.update(computing, completed=1)
        fitting = steps.add_task("fitting and judging models")
        registry = Registry(settings.models)
        champion = registry.pointer(dataset.profile)
        if challenger and champion is None:
            raise ConfigError(
                f"--challenger: there is no {dataset.profile} champion to challenge: leave it out"
            )
        procedure = Procedure(
            budget,
            policy_of(
                costs_of(dataset.profile, cost_missed, cost_review, cost_blocked),
                threshold_by,
                alert_budget,
            ),
            LABEL_DELAY_MS[dataset.profile]
            if label_delay is None
            else duration_ms(label_delay, "--label-delay"),
            FIRST_SHARE[dataset.profile],
            seed,
        )
        version = train_model(
            dataset,
            Origin(data.report.sha256, countries.digest, time.time_ns() // 1_000_000),
            registry,
            procedure,
            lambda done, total: steps.update(fitting, completed=done, total=total),
        )
    for warning in data.report.warnings:
        console.print(f"note: {warning}")
    if data.report.rejected:
        console.print(
            f"note: {data.report.rejected:,} lines could not be used, see "
            f"{data.report.rejects_file}"
        )

    promoted = _put_into_use(registry, version, promote, challenger)
    if as_json:
        result = {**version_as_dict(version), "promoted": promoted, "challenger": challenger}
        typer.echo(json.dumps(result, ensure_ascii=False))
        return
    print_version(version, Console())
    name, profile = version.metadata.version, version.metadata.profile
    if promoted:
        typer.echo(f"\n{profile} model {name} is the champion now (before: {champion or 'none'})")
    elif challenger:
        typer.echo(
            f"\n{profile} model {name} challenges {champion} now; how they differ: "
            f"fraudstream models compare --live --profile {profile}"
        )
    else:
        typer.echo(
            f"\n{profile} model {champion or 'none'} stays the champion; to use the new one: "
            f"fraudstream models promote {name} --profile {profile}"
        )


def _put_into_use(
    registry: Registry, version: ModelVersion, promote: bool | None, challenger: bool
) -> bool:
    """Give the new version the role asked for; returns whether it is champion."""
    profile, name = version.metadata.profile, version.metadata.version
    if challenger:
        registry.promote(profile, name, Role.CHALLENGER)
        return False
    promoted = registry.pointer(profile) is None if promote is None else promote
    if promoted:
        registry.promote(profile, name)
    return promoted


def _since_ms(since: str | None, tz: str) -> int | None:
    from features.zones import zone_named
    from producer.options import moment_ms

    return None if since is None else moment_ms(since, "--since", zone_named(tz))


def _until_ms(
    until: str | None, share: float | None, tz: str, time_ms: NDArray[np.int64]
) -> int | None:
    from features.zones import zone_named
    from model.fitting.dataset import share_of_time
    from producer.options import moment_ms

    if until is not None:
        return moment_ms(until, "--until", zone_named(tz))
    return None if share is None else share_of_time(time_ms, share)
