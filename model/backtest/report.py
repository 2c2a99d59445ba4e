"""The report of a backtest, in the form of a card (``model.card.html``)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import dates

from model.backtest.backtest import Backtest, Example, Group
from model.card.blocks import Block, Card, Items, Picture, Section, Table, Text
from model.comparison import EVEN, Difference
from model.figures import money
from model.plots.canvas import canvas, house_style, legend_below, png
from model.results import TITLES, Interval

DAYS = "days.png"
_MONEY = "cost_per_1000"
SHOWN = (
    "precision", "recall", "f1", "average_precision", "recall_at_fpr_1pct", "cost_per_1000",
)  # fmt: skip
GROUPS = {
    "both": "both alert",
    "only_against": "only {against} alerts",
    "only_candidate": "only {candidate} alerts",
    "neither": "neither alerts",
    "changed": "one reviews, the other blocks",
}
_COLOURS = {"against": "#0072b2", "candidate": "#d55e00", "fraud": "#8a8a8a"}
_LINES = {"against": "-", "candidate": "--", "fraud": ":"}
_READING = (
    "Both judged the same events with the same features, those that a worker would have had; what "
    "differs is the decision.",
    "Intervals are of the paired bootstrap at 95 %; better and worse are said where the interval "
    "of the difference leaves out 0.",
    "A customer is bothered who has an alert on an honest event. Value caught and missed are the "
    "amounts of fraud with and without an alert.",
    "What a block would have changed in what came after is not in it: a fraudster who is stopped "
    "may come again, or not.",
    "A model that was trained on some of these events looks better here than it is.",
)


def card_of(found: Backtest, source: str) -> Card:
    """Everything that the report shows.

    Args:
        found: the backtest.
        source: where the events come from.
    """
    return Card(
        f"backtest: {found.candidate.title} against {found.against.title}",
        f"{found.events:,} {found.profile} events of {source}, {found.first[:10]} to "
        f"{found.last[:10]}, {found.labelled:,} of them with a label.",
        tuple(
            Section(title, tuple(blocks))
            for title, blocks in (
                ("What would have happened", _sides(found)),
                ("Figures", _figures(found)),
                ("Where they differ", _overlap(found)),
                ("Rules and lists", _rules(found)),
                ("Examples", _examples(found)),
                ("How to read it", [Items(_READING)]),
            )
            if blocks
        ),
    )


def plots_of(found: Backtest) -> dict[str, bytes]:
    """Alerts of each day, as PNG."""
    days = np.array([one["day"] for one in found.days], "datetime64[D]")
    with house_style():
        figure, axes = canvas("alerts a day", "day of event time", "events")
        figure.set_size_inches(9.6, 3.4)
        names = {"against": found.against.title, "candidate": found.candidate.title}
        if found.labelled:
            names["fraud"] = "fraud by label"
        for key, name in names.items():
            axes.step(
                days, [one[key] for one in found.days], where="mid", label=name,
                color=_COLOURS[key], linestyle=_LINES[key],
            )  # fmt: skip
        locator = axes.xaxis.get_major_locator()
        axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
        axes.set_ylim(bottom=0)
        legend_below(figure, axes, columns=3)
        return {DAYS: png(figure)}


def _sides(found: Backtest) -> list[Block]:
    def row(name: str, value: str, other: str) -> tuple[str, str, str]:
        return name, value, other

    sides = found.against, found.candidate
    rows = [
        row("alerts", *(f"{one.alerts.events:,}" for one in sides)),
        row("of all events", *(f"{one.alerts.events / found.events:.2%}" for one in sides)),
        row("of them blocked", *(f"{one.blocked:,}" for one in sides)),
        row("most alerts in a day", *(f"{one.most_alerts_a_day:,}" for one in sides)),
        row("amount of the alerts", *(money(one.alerts.amount) for one in sides)),
        row("customers with an alert", *(f"{one.customers:,}" for one in sides)),
    ]
    if found.labelled:
        rows += [
            row("fraud with an alert", *(f"{one.alerts.fraud:,}" for one in sides)),
            row("honest with an alert", *(f"{one.alerts.honest:,}" for one in sides)),
            row("customers bothered", *(_count(one.bothered) for one in sides)),
            row("value caught", *(_money(one.value_caught) for one in sides)),
            row("value missed", *(_money(one.value_missed) for one in sides)),
        ]
    picture = Picture(DAYS, "alerts a day", "Alerts of either, by day of event time.", wide=True)
    return [Table("", ("", *_titles(found)), tuple(rows), figures=True), picture]


def _figures(found: Backtest) -> list[Block]:
    if found.metrics is None:
        return []
    rows = tuple(
        (
            TITLES[name],
            _figure(name, one.first),
            _figure(name, one.second),
            _gap(name, one),
            one.verdict,
        )
        for name, one in found.metrics.metrics.items()
        if name in SHOWN
    )
    marked = frozenset(number for number, row in enumerate(rows) if row[-1] != EVEN)
    head = ("", *_titles(found), "difference", found.candidate.title)
    return [Table("of the events with a label", head, rows, figures=True, marked=marked)]


def _overlap(found: Backtest) -> list[Block]:
    rows = tuple(
        (_group_title(found, name), *_cells(found, group)) for name, group in found.overlap.items()
    )
    decisions = tuple(
        (f"{one}", *(f"{events:,}" for events in row.values()))
        for one, row in found.changes.items()
    )
    return [
        Table("alerts of both", ("", *_heads(found)), rows, figures=True),
        Table(
            f"decisions: {found.against.title} by row, {found.candidate.title} by column",
            ("", *found.changes),
            decisions,
            figures=True,
        ),
    ]


def _rules(found: Backtest) -> list[Block]:
    if not found.rules:
        return []
    rows = tuple(
        (
            f"`{one.rule}`",
            one.side + (", in shadow" if one.shadow else ""),
            *_cells(found, one.hits),
        )
        for one in found.rules
    )
    return [Table("events that met each", ("", "of", *_heads(found)), rows, figures=True)]


def _examples(found: Backtest) -> list[Block]:
    blocks: list[Block] = []
    for name, examples in found.examples.items():
        if examples:
            blocks.append(_example_table(found, _group_title(found, name), examples))
    return blocks or [Text("There is none: both decide alike about every event.")]


def _example_table(found: Backtest, title: str, examples: Sequence[Example]) -> Table:
    rows = tuple(
        (
            f"`{one.event_id}`",
            one.event_time[:19].replace("T", " "),
            money(one.amount),
            {None: "unknown", 0: "honest", 1: "fraud"}[one.label],
            _said(one.against, one.against_score, one.against_rules),
            _said(one.candidate, one.candidate_score, one.candidate_rules),
        )
        for one in examples
    )
    head = ("event", "time (UTC)", "amount", "label", *_titles(found))
    return Table(f"{title}: the largest amounts", head, rows)


def _said(decision: str, score: float, rules: Sequence[str]) -> str:
    by = "".join(f", `{rule}`" for rule in rules)
    return f"{decision} at {score:.3f}{by}"


def _titles(found: Backtest) -> tuple[str, str]:
    return found.against.title, found.candidate.title


def _group_title(found: Backtest, name: str) -> str:
    return GROUPS[name].format(against=found.against.title, candidate=found.candidate.title)


def _heads(found: Backtest) -> tuple[str, ...]:
    return ("events", "fraud", "honest", "amount") if found.labelled else ("events", "amount")


def _cells(found: Backtest, group: Group) -> tuple[str, ...]:
    labels = (f"{group.fraud:,}", f"{group.honest:,}") if found.labelled else ()
    return (f"{group.events:,}", *labels, money(group.amount))


def _figure(name: str, one: Interval) -> str:
    if name != _MONEY or one.value is None or one.low is None or one.high is None:
        return str(one)
    return f"{one.value:,.0f} ({one.low:,.0f}–{one.high:,.0f})"


def _gap(name: str, one: Difference) -> str:
    gap = one.difference
    if gap.value is None or gap.low is None or gap.high is None:
        return "–"
    digits = "+,.0f" if name == _MONEY else "+.3f"
    value, low, high = (format(each, digits) for each in (gap.value, gap.low, gap.high))
    return f"{value} ({low} to {high})"


def _count(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _money(value: float | None) -> str:
    return "–" if value is None else money(value)
