"""The model card: one page of Markdown that says what a version is, can and cannot do.

Follows the outline of Mitchell et al., Model Cards for Model Reporting (2019).
"""

from __future__ import annotations

from model.metadata import Metadata
from model.results import SPLITS, TITLES, Evaluation

_LIMITS = (
    "A score says how much an event looks like fraud that was found before. New kinds of fraud "
    "look like nothing the model knows.",
    "Labels are taken as they stand in the file, as if all had been known at training time. Live, "
    "the latest are not known yet.",
    "`random` divides the events of one burst between training and test, so it is the kinder "
    "figure; `time` is the one to expect of a stream.",
    "Reasons are the features farthest from what is usual, which need not be those that moved "
    "the score.",
)


def model_card(metadata: Metadata, evaluation: Evaluation) -> str:
    """The card in Markdown."""
    meta, data = metadata, metadata.training
    thresholds, parity = meta.thresholds, meta.parity
    left_out = [f"`{name}`: {why}." for name, why in evaluation.left_out.items()]
    lines = [
        f"# {meta.profile} model {meta.version}",
        "",
        f"Gradient-boosted trees ({meta.name}) that give each {meta.profile} event a probability "
        "of fraud; what is above the thresholds below is to be reviewed or blocked.",
        "",
        *_table(
            ("", ""),
            [
                ("created", meta.created_at),
                ("`model.onnx` SHA-256", f"`{meta.digest}`"),
                ("features", f"{len(meta.feature_names)}, hash `{meta.feature_hash}`"),
                ("trained on", f"{data.rows:,} labelled events, {data.fraud:,} of them fraud"),
                ("period", f"{data.first} to {data.last}"),
                ("put away", f"{data.duplicates:,} duplicates, {data.unlabelled:,} without label"),
                ("file SHA-256", f"`{data.sha256}`"),
                ("seed", str(meta.seed)),
            ],
        ),
        "",
        "## Decisions",
        "",
        *_table(
            ("decision", "from score", "chosen by"),
            [
                ("review", f"{thresholds.review:.6f}", thresholds.review_by),
                ("block", f"{thresholds.block:.6f}", thresholds.block_by),
            ],
        ),
        "",
        f"Severity: medium from {meta.severity_bands.medium:.4f}, high from "
        f"{meta.severity_bands.high:.4f}, critical from {meta.severity_bands.critical:.4f}.",
        "",
        "## Evaluation",
        "",
        "Figures with 95 % bootstrap intervals. Each split trains its own model and chooses its "
        "own thresholds inside its training part; the model of this version was then made in the "
        "same way from all events.",
        "",
        *[f"- `{name}`: {SPLITS[name]}" for name in evaluation.splits],
        *[f"- left out: {reason}" for reason in left_out],
        "",
        *_metric_table(evaluation),
        "",
        "![precision and recall](plots/precision_recall.png)",
        "![calibration](plots/calibration.png)",
        "",
        f"The exported graph gave the trained model's decision on all {parity.rows:,} test rows of "
        f"`time`; the largest difference of a probability is {parity.largest_difference:.1e}.",
        "",
        "## Limits",
        "",
        *[f"- {limit}" for limit in _LIMITS],
    ]
    return "\n".join(lines) + "\n"


def _metric_table(evaluation: Evaluation) -> list[str]:
    columns = evaluation.columns()
    rows = [
        (title, *(str(figures[metric]) for figures in columns.values()))
        for metric, title in TITLES.items()
    ]
    return _table(("", *columns), rows)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    rule = "|" + " --- |" * len(head)
    return [_row(head), rule, *(_row(row) for row in rows)]


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
