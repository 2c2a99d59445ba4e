"""The figures of a model card: at a glance, in full, and how each split was made."""

from __future__ import annotations

from model.card.blocks import Block, Items, Table, Text
from model.metadata import Metadata
from model.metrics import CONFIDENCE
from model.results import SPLITS, TITLES, Evaluation, Figures, Interval

#: Metrics in amounts of money, and those whose third digit says too little.
_MONEY = ("cost_per_1000",)
_FINE = ("brier",)
_BASE_RATE = "base_rate"
_CONFIDENCE = f"{100 * CONFIDENCE:.0f} %"

_MEANINGS = {
    "precision": "the share of the alerts that is fraud (0 where nothing was alerted)",
    "recall": "the share of the fraud that was alerted",
    "average_precision": "precision over all alert volumes, weighted by recall; a model that knows "
    "nothing reaches the share of fraud",
    "recall_at_fpr_1pct": "the largest recall that alerts at most 1 % of the honest events; "
    "0.1 % likewise",
    "precision_at_k_per_day": "the share of fraud among the {per_day} highest scores of each day",
    "brier": "mean squared error of the probability; less is better",
    "cost_per_1000": "what 1,000 events cost by the table of costs; less is better",
}


def figure_of(metric: str, figure: Interval) -> str:
    """``0.696 (0.681–0.711)``; amounts without, Brier scores with more digits."""
    value, low, high = figure.value, figure.low, figure.high
    if value is None or low is None or high is None:
        return "–"
    if metric in _MONEY:
        return f"{value:,.0f} ({low:,.0f}–{high:,.0f})"
    if metric in _FINE:
        return f"{value:.4f} ({low:.4f}–{high:.4f})"
    return str(figure)


def at_a_glance(evaluation: Evaluation) -> list[Block]:
    """One line for each split: how good, against no model."""
    rows = tuple(
        (
            f"`{name}`",
            _of(figures, "average_precision"),
            _point(evaluation.baselines[name][_BASE_RATE], "average_precision"),
            _of(figures, "precision"),
            _of(figures, "recall"),
            _of(figures, "cost_per_1000"),
            _point(evaluation.baselines[name][_BASE_RATE], "cost_per_1000"),
        )
        for name, figures in evaluation.splits.items()
    )
    head = ("split", "average precision", "without a model", "precision of alerts",
            "share of fraud found", "cost of 1,000 events", "allowing everything")  # fmt: skip
    return [
        Table("", head, rows, figures=True),
        Items(
            tuple(
                f"In `{name}` the decisions {_worth(figures, evaluation.baselines[name])}"
                for name, figures in evaluation.splits.items()
            )
        ),
        Text(
            f"With {_CONFIDENCE} intervals; about as much: they overlap. `time` is what to expect "
            "of a stream; `random` is the kinder figure, as one burst of fraud falls into training "
            "and test alike."
        ),
    ]


def metrics(evaluation: Evaluation) -> list[Block]:
    """What is measured, and by which costs."""
    costs = evaluation.costs
    return [
        Items(
            tuple(
                f"{_title(metric, evaluation)}: {meaning.format(per_day=evaluation.per_day)}"
                for metric, meaning in _MEANINGS.items()
            )
        ),
        Text(
            "Precision, recall, F1 and accuracy are taken at the review threshold, and once more "
            f"at .5. Intervals: {_CONFIDENCE}, percentile bootstrap, {evaluation.resamples:,} "
            "resamples of the test events with the models held fixed."
        ),
        Table(
            "Costs of one event, in currency units",
            ("decision", "honest", "fraud"),
            (
                ("allow", "0", _amount(costs.missed)),
                ("review", _amount(costs.review), _amount(costs.review)),
                ("block", _amount(costs.blocked), "0"),
            ),
            figures=True,
        ),
    ]


def evaluation_data(evaluation: Evaluation) -> list[Block]:
    """How the data were divided, and what was made in each part."""
    rows = tuple(
        (
            f"`{name}`" + (f" {number}" if len(parts) > 1 else ""),
            f"{part.train_rows:,} ({part.train_fraud:,} fraud)",
            f"{part.test_rows:,} ({part.test_fraud:,} fraud)",
            part.model,
            part.calibration,
            f"{part.review:.4f}",
            f"{part.block:.4f}",
        )
        for name, parts in evaluation.parts.items()
        for number, part in enumerate(parts, 1)
    )
    head = ("split", "trained on", "judged on", "model", "calibration", "review", "block")
    return [
        Text(
            "Each split repeats the whole procedure inside its training part: choosing the model, "
            "calibrating it, choosing thresholds. Test events are scored once. The model of this "
            "version was then made in the same way from all events."
        ),
        Items(
            (
                *(f"`{name}`: {SPLITS[name]}" for name in evaluation.splits),
                *(f"left out: `{name}`: {why}" for name, why in evaluation.left_out.items()),
            )
        ),
        Table("What each part chose", head, rows),
    ]


def analyses(metadata: Metadata, evaluation: Evaluation) -> list[Block]:
    """Every metric of every split, beside its subsets and baselines."""
    parity = metadata.parity
    return [
        *(_split_table(evaluation, name) for name in evaluation.splits),
        Text(
            "The exported graph gave the trained model's decision on "
            f"{parity.rows - parity.flipped:,} of {parity.rows:,} test events of `time`; the "
            f"largest difference of a probability is {parity.largest_difference:.1g}."
        ),
    ]


def _split_table(evaluation: Evaluation, split: str) -> Table:
    columns: dict[str, Figures] = {
        "this model": evaluation.splits[split],
        **evaluation.subsets.get(split, {}),
        **evaluation.baselines[split],
    }
    names = (name.replace("_", " ") for name in columns)
    title = f"{split}: {SPLITS[split]}"
    return Table(
        title,
        ("", *names),
        tuple(
            (
                _title(metric, evaluation),
                *(figure_of(metric, figures[metric]) for figures in columns.values()),
            )
            for metric in TITLES
        ),
        figures=True,
    )


def _title(metric: str, evaluation: Evaluation) -> str:
    """As in tables, with k as the number that it is."""
    return TITLES[metric].replace("first k", f"first {evaluation.per_day}")


def _worth(figures: Figures, baselines: dict[str, Figures]) -> str:
    """What a split's decisions cost against those that need no model."""
    against: dict[str, list[str]] = {}
    for name, simple in baselines.items():
        what = (
            "allowing everything"
            if name == _BASE_RATE
            else f"blocking what was {name.replace('_', ' ')}"
        )
        how = _against(figures["cost_per_1000"], simple["cost_per_1000"])
        against.setdefault(how, []).append(what)
    return "; ".join(f"{how} {' and '.join(what)}" for how, what in against.items())


def _against(figure: Interval, other: Interval) -> str:
    """Whether one cost lies clearly below or above another."""
    if None in (figure.low, figure.high, other.low, other.high):
        return "cannot be compared with"
    if (figure.high or 0.0) < (other.low or 0.0):
        return "cost less than"
    return (
        "cost more than" if (figure.low or 0.0) > (other.high or 0.0) else "cost about as much as"
    )


def _of(figures: Figures, metric: str) -> str:
    return figure_of(metric, figures[metric])


def _point(figures: Figures, metric: str) -> str:
    """The figure alone."""
    return figure_of(metric, figures[metric]).split(" ", 1)[0]


def _amount(value: float) -> str:
    return f"{value:,.10g}"
