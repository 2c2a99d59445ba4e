"""Traps in values: classes, constant columns, columns that decide alone, rejected lines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from features.csv_source import CsvReport
from model.exploration.events import Events
from model.exploration.finding import Figure, Finding, Weight, percent
from model.exploration.shares import share_of
from model.exploration.summary import NumberSummary
from model.figures import counted
from model.fitting.dataset import MIN_OF_EACH

#: ROC AUC, or 1 minus it, from which one column alone is too good to be believed unseen.
_TOO_GOOD = 0.9
#: Share of rejected lines from which the file needs care.
_MANY_REJECTS = 0.01


def class_findings(events: Events) -> Finding:
    """Whether there is something to learn from: both classes, enough of each, all labelled."""
    fraud, honest = int((events.label == 1).sum()), int((events.label == 0).sum())
    unknown = len(events) - fraud - honest
    figures: dict[str, Figure] = {
        "fraud": fraud, "honest": honest, "unlabelled": unknown,
    }  # fmt: skip
    if not fraud + honest:
        return Finding(
            "classes",
            Weight.NOTE,
            "The file has no labels.",
            "Everything that compares fraud with honest events is left out here.",
            "A model needs a column 'class' of 0 and 1.",
            figures,
        )
    text = f"{fraud:,} fraud, {honest:,} honest, {unknown:,} without label."
    if not fraud or not honest:
        only = "fraud" if fraud else "honest"
        return Finding(
            "classes",
            Weight.TRAP,
            f"All labelled events are {only}.",
            text,
            "A model needs examples of both classes: use a longer file.",
            figures,
        )
    if min(fraud, honest) < MIN_OF_EACH:
        return Finding(
            "classes",
            Weight.TRAP,
            "Too few events of one class.",
            text,
            f"Training needs at least {MIN_OF_EACH} of each, a dependable evaluation hundreds.",
            figures,
        )
    share = share_of(fraud, fraud + honest)
    assert share is not None  # noqa: S101 - both classes occur
    figures["fraud_share"] = share.value
    rare = share.value < 0.1
    return Finding(
        "classes",
        Weight.NOTE if rare or unknown else Weight.CLEAR,
        f"{percent(share.value)} of the labelled events are fraud.",
        text
        + (
            f" A model that calls everything honest is right in {percent(1 - share.value)} of the "
            "cases."
            if rare
            else ""
        ),
        "Judge by precision, recall and cost, never by accuracy." if rare else "",
        figures,
    )


def constants(events: Events) -> Finding:
    """Columns of one value, or of none."""
    single, empty = [], []
    for number in events.numbers:
        known = number.values[~np.isnan(number.values)]
        if not len(known):
            empty.append(number.name)
        elif known.min() == known.max() and len(known) == len(events) > 1:
            single.append(number.name)
    for category in events.categories:
        distinct = len(np.unique(category.code))
        if (category.code < 0).all():
            empty.append(category.name)
        elif distinct == 1 < len(events):
            single.append(category.name)
    empty += [name for name, coded in events.identities().items() if not len(coded)]
    figures: dict[str, Figure] = {
        "constant": ", ".join(single), "empty": ", ".join(empty),
    }  # fmt: skip
    if not single and not empty:
        return Finding("constants", Weight.CLEAR, "No column is constant.", "", "", figures)
    text = " ".join(
        f"{what}: {', '.join(names)}."
        for what, names in (("One value throughout", single), ("Never known", empty))
        if names
    )
    count = len(single) + len(empty)
    return Finding(
        "constants",
        Weight.NOTE,
        f"{counted(count, 'column')} {'tells' if count == 1 else 'tell'} nothing.",
        text,
        "Live values that differ are new to a model of this file.",
        figures,
    )


def too_good(numbers: Sequence[NumberSummary]) -> Finding | None:
    """Columns that tell fraud from honest almost alone; None where a class is missing."""
    if all(one.separation is None for one in numbers):
        return None
    figures: dict[str, Figure] = {
        one.name: None if one.separation is None else max(one.separation, 1 - one.separation)
        for one in numbers
    }
    found = {
        name: auc for name, auc in figures.items() if isinstance(auc, float) and auc >= _TOO_GOOD
    }
    best = max((auc for auc in figures.values() if isinstance(auc, float)), default=0.5)
    if not found:
        return Finding(
            "too_good",
            Weight.CLEAR,
            "No single number gives fraud away.",
            f"The best one alone has ROC AUC {best:.2f} (0.5: worthless, 1: decides).",
            "",
            figures,
        )
    listed = ", ".join(f"{name} {auc:.2f}" for name, auc in found.items())
    return Finding(
        "too_good",
        Weight.NOTE,
        f"{', '.join(found)} alone {'tells' if len(found) == 1 else 'tell'} most fraud.",
        f"ROC AUC as a score for fraud: {listed} (0.5: worthless, 1: decides).",
        "Make sure that the value was known before the decision and was not made from the label.",
        figures,
    )


def rejected_lines(report: CsvReport) -> Finding:
    """Lines that could not be used."""
    share = report.rejected / report.data_lines
    figures: dict[str, Figure] = {"rejected": report.rejected, "share": share}
    if not report.rejected:
        return Finding("rejected", Weight.CLEAR, "Every line is usable.", "", "", figures)
    many = share >= _MANY_REJECTS
    return Finding(
        "rejected",
        Weight.TRAP if many else Weight.NOTE,
        f"{counted(report.rejected, 'line')} could not be used.",
        f"That is {percent(share)} of {report.data_lines:,}."
        + (" What is left may differ from what happened." if many else ""),
        "The rejects file has every line with its reason.",
        figures,
    )
