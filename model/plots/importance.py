"""What moves the model: the mean size of each reason's contribution."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.declared import Feature
from model.deviation import reason_groups
from model.plots.canvas import COLOURS, canvas, png

#: More bars are not read.
TOP = 15


def importance(
    moved: NDArray[np.float32], features: tuple[Feature, ...]
) -> list[tuple[str, float]]:
    """Groups of features by falling mean |contribution|.

    The windows of one quantity are one group, as they are one reason; other forms of a feature
    (its sine, its logarithm) belong to it. What the members of a group say of one event is added
    before its size is taken.

    Args:
        moved: TreeSHAP values of k > 0 events, shape (k, features + 1), as
            ``model.explanations.contributions`` gives them.
        features: in the order of the columns.

    Returns:
        Name of each group and its importance, in units of the raw score.
    """
    column_of = {feature.name: column for column, feature in enumerate(features)}
    group_of = {
        column: number
        for number, group in enumerate(reason_groups(features))
        for column in group.tolist()
    }
    for column, feature in enumerate(features):
        if feature.form_of:
            group_of[column] = group_of[column_of[feature.form_of]]
    sums = np.zeros((len(moved), max(group_of.values()) + 1), np.float64)
    names: dict[int, str] = {}
    for column, number in sorted(group_of.items()):
        sums[:, number] += moved[:, column]
        names.setdefault(number, _name(features[column]))
    sizes = np.abs(sums).mean(axis=0)
    order = np.argsort(-sizes, kind="stable").tolist()
    return [(names[number], float(sizes[number])) for number in order]


def importance_png(moved: NDArray[np.float32], features: tuple[Feature, ...]) -> bytes:
    """The ``TOP`` groups as bars, the strongest above."""
    groups = importance(moved, features)
    found = [(name, size) for name, size in groups[:TOP] if size > 0]
    figure, axes = canvas("Importance", "mean |contribution| to the raw score (TreeSHAP)", "")
    names, sizes = [name for name, _ in found], [size for _, size in found]
    axes.barh(names, sizes, color=COLOURS["random"], height=0.7)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    shown = f"{len(found)} of {len(groups)} groups, {len(moved):,} events"
    axes.set_title(shown, loc="right", fontsize=9)
    return png(figure)


def _name(feature: Feature) -> str:
    """``device_count_1h`` → ``device count``; the group has all windows."""
    name = feature.name.removesuffix(f"_{feature.window}") if feature.window else feature.name
    return name.replace("_", " ")
