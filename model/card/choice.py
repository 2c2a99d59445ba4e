"""How the model of a card came about: what was tried, how it was calibrated, where it decides."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from core.durations import duration
from model.candidate import Candidate, Tried
from model.card.blocks import Block, Items, Table, Text
from model.explanations import MAX_US_PER_ROW
from model.fitting.families import FAMILIES
from model.fitting.selection import SCREENED
from model.metadata import Metadata
from model.results import Evaluation

#: Rows of what was tried; the best of each family are there in any case.
SHOWN = 12
_STAGES = {
    "screened": f"screened (at most {SCREENED:,} rows)",
    "usual": "usual parameters",
    "tuned": "tuned",
}


def choice(metadata: Metadata, evaluation: Evaluation) -> list[Block]:
    """What was tried, and why this candidate was taken."""
    candidate, tried = metadata.candidate, evaluation.choice.tried
    chosen = Text(f"Chosen: {title_of(candidate)}, with {parameters_of(candidate)}.")
    if not tried:
        return [chosen, Text("Nothing else was tried: these parameters were taken as they are.")]
    tied = sum(one.tied for one in tried)
    best = max((one for one in tried if not one.refused), key=lambda one: one.average_precision)
    shown = _shown(tried)
    return [
        chosen,
        Text(
            f"{len(tried):,} candidates were tried on expanding folds of the training data: each "
            "fold is later than what its model learnt from, by at least the time that labels take "
            f"to be known ({duration(metadata.label_delay_s)}). Families and ways with imbalance "
            f"are screened on at most {SCREENED:,} rows; the best of each family learns from all "
            "rows, and the best families are tuned."
        ),
        Text(
            f"The best average precision, {best.average_precision:.4f}, is that of "
            f"{title_of(best.candidate)}. {tied:,} {'lies' if tied == 1 else 'lie'} within one "
            "standard error of the best (tied). Among these the largest recall at 1 % false "
            "positives in the first fold decides, compared to two digits, and then simplicity."
        ),
        Table(
            f"{len(shown)} of {len(tried)} candidates, in order of preference",
            ("candidate", "parameters", "stage", "average precision", "behind the best",
             "tied", "recall at 1 % FPR, first fold"),
            tuple(_row(one) for one in shown),
            marked=frozenset(
                number for number, one in enumerate(shown)
                if one.candidate == candidate and one.behind is not None
            ),
        ),
        *_refused(tried),
    ]  # fmt: skip


def calibration(metadata: Metadata) -> list[Block]:
    """Which function makes probabilities, and how the kinds compared."""
    found = metadata.calibration
    shape = f" with {len(found.steps):,} steps" if found.kind == "isotonic" else ""
    return [
        Text(
            f"Raw scores become probabilities by {found.kind} calibration{shape}, fitted to scores "
            "of events that the models behind them had not seen. The kind with the smaller log "
            "loss, cross-fitted, was taken."
        ),
        Table(
            "",
            ("calibration", "log loss", ""),
            tuple(
                (kind, f"{loss:.5f}", "in use" if kind == found.kind else "")
                for kind, loss in found.log_loss.items()
            ),
            figures=True,
        ),
    ]


def decisions(metadata: Metadata) -> list[Block]:
    """Thresholds in use, those the other way would have given, and severities."""
    policy, bands = metadata.policy, metadata.severity_bands
    rows = list(
        chain.from_iterable(
            (
                (_way(way, policy.by, policy.budget), "review", f"{at.review:.6f}", at.review_by),
                ("", "block", f"{at.block:.6f}", at.block_by),
            )
            for way, at in metadata.alternatives.items()
        )
    )
    return [
        Text(
            "An event is reviewed from one score on and blocked from another. Both ways of "
            f"choosing them were worked out on validation scores; `{policy.by}` is in use."
        ),
        Table(
            "Thresholds",
            ("way", "decision", "from score", "chosen by, and what it would have done"),
            tuple(rows),
            marked=frozenset(
                row
                for number, way in enumerate(metadata.alternatives)
                if way == policy.by
                for row in (2 * number, 2 * number + 1)
            ),
        ),
        Text(
            f"Severity: medium from {bands.medium:.4f}, high from {bands.high:.4f}, critical from "
            f"{bands.critical:.4f}."
        ),
    ]


def reasons(metadata: Metadata) -> list[Block]:
    """What the reasons of an alert are, and what they take."""
    cost = metadata.explaining
    return [
        Text(
            "Each alert carries the features that moved its score most towards fraud, by TreeSHAP. "
            f"One alert takes {cost.us_per_row:,.1f} µs ({cost.steps:,.0f} steps), measured in a "
            f"batch on the machine that trained; {MAX_US_PER_ROW:,.0f} µs are allowed."
        )
    ]


def title_of(candidate: Candidate) -> str:
    """``Gradient boosting (XGBoost), class weights``."""
    family = FAMILIES.get(candidate.family)
    name = candidate.family.replace("_", " ") if family is None else family.title
    return f"{name}, {_imbalance(candidate.imbalance)}"


def parameters_of(candidate: Candidate) -> str:
    """``rounds 70, max depth 5, …``."""
    return ", ".join(
        f"{name.replace('_', ' ')} {value:.4g}" for name, value in candidate.parameters.items()
    )


def _imbalance(way: str) -> str:
    return "classes as they are" if way == "none" else way.replace("_", " ")


def _shown(tried: Sequence[Tried]) -> list[Tried]:
    """The first ones, and the best of every family that is not among them."""
    first = list(tried[:SHOWN])
    families = {one.candidate.family for one in first}
    for one in tried[SHOWN:]:
        if one.candidate.family not in families:
            families.add(one.candidate.family)
            first.append(one)
    return first


def _row(one: Tried) -> tuple[str, ...]:
    behind = "–" if one.behind is None else f"{one.behind:.4f} ± {one.error or 0.0:.4f}"
    return (
        title_of(one.candidate),
        parameters_of(one.candidate),
        _STAGES.get(one.stage, one.stage),
        f"{one.average_precision:.4f}",
        behind,
        "refused" if one.refused else "yes" if one.tied else "–" if one.behind is None else "no",
        f"{one.recall:.3f}",
    )


def _refused(tried: Sequence[Tried]) -> list[Block]:
    found = [one for one in tried if one.refused]
    if not found:
        return []
    return [
        Text(f"{len(found):,} candidates may not be used:"),
        Items(
            tuple(
                f"{title_of(one.candidate)} ({parameters_of(one.candidate)}): {one.refused}"
                for one in found[:SHOWN]
            )
        ),
    ]


def _way(way: str, in_use: str, budget: float) -> str:
    name = {"cost": "least cost", "budget": f"budget of {budget:.2%} of events"}.get(way, way)
    return f"{name} (in use)" if way == in_use else name
