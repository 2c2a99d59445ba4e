"""``fraudstream backtest``: what another model or other rules would have decided."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from cli.csv_findings import tell_findings
from cli.csv_options import AsJson, DateOrder, Profile, Rejects, Tz, require_packages
from cli.csv_reading import read_with_bar
from cli.step_bars import step_bars
from core.errors import ConfigError
from core.settings import Settings, load_settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.progress import Progress, TaskID

    from features.countries import CountryTable
    from model.backtest.backtest import Backtest
    from model.lists.lists import Lists
    from stream.decisions import DecisionMaker

_CHAMPION, _NONE = "champion", "none"
_OUT = "--out"
Rules = Annotated[
    str | None,
    typer.Option(
        help="Rule file of the candidate, or `none`.", show_default="that of FRAUDSTREAM_RULES"
    ),
]


def backtest(
    csv: Annotated[Path, typer.Argument(help="Transactions; may be gzip.")],
    *,
    profile: Profile = None,
    rules: Rules = None,
    model: Annotated[str, typer.Option(help="Model version of the candidate.")] = _CHAMPION,
    against: Annotated[str, typer.Option(help="Model version to compare with.")] = _CHAMPION,
    against_rules: Annotated[
        str | None,
        typer.Option(
            help="Rule file to compare with, or `none`.", show_default="that of FRAUDSTREAM_RULES"
        ),
    ] = None,
    with_lists: Annotated[
        bool, typer.Option("--with-lists", help="Heed the lists in Redis, on both sides.")
    ] = False,
    since: Annotated[
        str | None, typer.Option(help="Judge events from this time on; the past still counts.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Judge events before this time.")] = None,
    examples: Annotated[
        int, typer.Option(help="Examples of each difference.", min=0, max=1_000)
    ] = 10,
    out: Annotated[Path | None, typer.Option(help="Write a report: an .html file.")] = None,
    tz: Tz = "UTC",
    date_order: DateOrder = "auto",
    rejects: Rejects = None,
    as_json: AsJson = False,
) -> None:
    """Decide about every event of a CSV in two ways, as a worker would have, and compare them.

    The candidate is --model with --rules, the other --against with --against-rules. Features come
    from the whole file, as after a replay of it; where it has labels, alerts are held against them.
    docs/improvement.md explains the figures.

    Examples:

        fraudstream backtest Fraud_Data.csv --rules new.yaml

        fraudstream backtest Fraud_Data.csv --model v7 --against champion --out report.html
    """
    from cli.backtest_view import show_backtest
    from core.whole_files import check_place
    from features.countries import load_country_table
    from features.csv_source.report import default_rejects_path
    from features.zones import zone_named
    from model.backtest.backtest import backtest as compare
    from model.lists.lists import NO_LISTS
    from producer.options import moment_ms
    from stream.backtesting import judged, subject_of
    from stream.offline_scores import as_replayed

    settings = load_settings(profile=profile)
    if out is not None:
        require_packages(("matplotlib",), f"`fraudstream backtest {_OUT}`")
        if out.suffix.lower() not in (".html", ".htm"):
            raise ConfigError(f"{_OUT} {out} does not end in .html: the report is a page")
        inputs = (csv, rejects or default_rejects_path(csv), settings.ip_table)
        check_place(out, _OUT, "report.html", *inputs)
    if (model, rules) == (against, against_rules):
        raise ConfigError(
            "candidate and comparison are the same: say what is new with --rules or --model"
        )
    zone = zone_named(tz)
    span = (
        None if since is None else moment_ms(since, "--since", zone),
        None if until is None else moment_ms(until, "--until", zone),
    )
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with step_bars(console, transient=True, hidden=as_json) as bar:
        data = read_with_bar(bar, csv, profile, tz=tz, date_order=date_order, rejects=rejects)
        settings = load_settings(profile=data.batch.profile)
        countries = load_country_table(settings.ip_table)
        rows = as_replayed(data.batch)
        batch = data.batch.take(rows)
        lists = _lists(settings) if with_lists else NO_LISTS
        makers = [
            _maker(settings, countries, against, against_rules, lists),
            _maker(settings, countries, model, rules, lists),
        ]
        sides = []
        for title, maker in zip(_titles(makers, (against_rules, rules)), makers, strict=True):
            task = bar.add_task(f"judging by {title}", total=len(batch))
            sides.append(judged(title, batch, countries, maker, partial(_tell, bar, task)))
        seen = _within(batch.time_ms, span)
        known, asked = (one.take(seen) for one in sides)
        found = compare(subject_of(batch, data.label[rows]).take(seen), known, asked, examples)
    tell_findings(data.report, lambda line: console.print(line, markup=False))
    if out is not None:
        _write_report(found, csv.name, out)
        console.print(f"report: {out}", markup=False)
    if as_json:
        import msgspec

        result = {"input": str(csv), "input_sha256": data.report.sha256}
        typer.echo(json.dumps(result | msgspec.to_builtins(found), ensure_ascii=False))
        return
    show_backtest(found, csv.name, Console(highlight=False))


def _write_report(found: Backtest, source: str, out: Path) -> None:
    from core.whole_files import whole_file
    from model.backtest.report import card_of, plots_of
    from model.card.html import page_of

    footer = f"fraudstream backtest of {source}"
    page = page_of(card_of(found, source), plots_of(found), footer)
    with whole_file(out, _OUT) as file:
        file.write_text(page, "utf-8")


def _maker(
    settings: Settings, countries: CountryTable, version: str, rules: str | None, lists: Lists
) -> DecisionMaker:
    """How a side decides."""
    from model.overrides import Overrides
    from model.rules.rule_set import load_rules
    from stream.decisions import load_decision_maker

    path = settings.rules if rules is None else None if rules == _NONE else Path(rules)
    overrides = Overrides(load_rules(path, settings.profile), lists)
    name = None if version == _CHAMPION else version
    return load_decision_maker(settings, countries, name, overrides)


def _lists(settings: Settings) -> Lists:
    """The lists as they are now."""
    from model.lists.followed import FollowedLists
    from model.lists.store import ListStore

    followed = FollowedLists(ListStore(settings))
    followed.changed()
    return followed.current


def _titles(makers: Sequence[DecisionMaker], rules: Sequence[str | None]) -> list[str]:
    """What the sides are called: by that in which they differ."""
    versions = [one.version.metadata.version for one in makers]
    named = ["the rules in use" if one is None else Path(one).name for one in rules]
    named = ["no rules" if one == _NONE else one for one in named]
    if versions[0] == versions[1]:
        return named
    if rules[0] == rules[1]:
        return versions
    return [f"{version} with {name}" for version, name in zip(versions, named, strict=True)]


def _tell(bar: Progress, task: TaskID, done: int) -> None:
    bar.update(task, completed=done)


def _within(time_ms: NDArray[np.int64], span: tuple[int | None, int | None]) -> NDArray[np.bool_]:
    import numpy as np

    since, until = span
    within = np.ones(len(time_ms), np.bool_)
    if since is not None:
        within &= time_ms >= since
    if until is not None:
        within &= time_ms < until
    if not within.any():
        raise ConfigError("no event lies between --since and --until: choose another span")
    return within
