"""Drift on the model dashboard: how far the stream has moved from what it was."""

from __future__ import annotations

from core.metrics import DRIFTED, FEATURE_PSI
from grafana import palette
from grafana.frame import Row
from grafana.panels import AnyPanel, Query, Text, figure, over_time
from grafana.queries import of

#: Below the first nothing has changed, from the second on much has (model/drift/drift.py).
_SOME, _MUCH = 0.1, 0.25
_MOST = 10
_REFERENCES = ("trailing", "training")
_MATCHER = 'reference="{}"'


def row() -> Row:
    """Whether the stream has changed, by how much the score has, and which features most."""
    return Row("Drift", _panels())


def _panels() -> list[AnyPanel]:
    score = {one: f"max ({_psi('=', one)})" for one in _REFERENCES}
    drifted = [f"max ({of(DRIFTED, fixed=_MATCHER.format(one))})" for one in _REFERENCES]
    features, of_training = (_psi("!=", one) for one in _REFERENCES)
    steps = ((None, palette.GOOD), (1, palette.BAD))
    return [
        figure(
            Text(
                "Drift",
                "1: the last 7 days of event time differ from the 28 days before them.",
                "short",
                6,
                4,
            ),
            Query(drifted[0]),
            steps,
            none="too few events",
        ),
        figure(
            Text(
                "Drift from training",
                "1: the last 7 days of event time differ from the training events.",
                "short",
                6,
                4,
            ),
            Query(drifted[1]),
            steps,
            none="too few events",
        ),
        figure(
            Text(
                "Score PSI",
                "Population stability index of the score, last 7 days against 28 before.",
                "short",
                6,
                4,
            ),
            Query(score["trailing"]),
            ((None, palette.GOOD), (_SOME, palette.WATCH), (_MUCH, palette.BAD)),
            none="too few events",
        ),
        figure(
            Text(
                "Features that moved",
                f"Features whose index is {_MUCH} or more, last 7 days against 28 before.",
                "short",
                6,
                4,
            ),
            Query(f"sum (clamp_max (floor (max by (feature) ({features}) / {_MUCH}), 1))"),
            none="too few events",
        ),
        over_time(
            Text(
                "Feature PSI",
                f"The {_MOST} features that moved most, last 7 days against 28 before.",
                "short",
                12,
                10,
            ),
            Query(f"topk ({_MOST}, max by (feature) ({features}))", "{{feature}}"),
        ),
        over_time(
            Text(
                "Feature PSI from training",
                f"The {_MOST} features farthest from the training events.",
                "short",
                12,
                10,
            ),
            Query(f"topk ({_MOST}, max by (feature) ({of_training}))", "{{feature}}"),
        ),
        over_time(
            Text("Score PSI over time", "Against both references.", "short", 24),
            *(Query(expr, name) for name, expr in score.items()),
            colours={"trailing": palette.BLUE, "training": palette.ORANGE},
        ),
    ]


def _psi(relation: str, reference: str) -> str:
    """The index of the score alone (``=``), or of all but the score (``!=``)."""
    return of(FEATURE_PSI, fixed=f'feature{relation}"score", {_MATCHER.format(reference)}')
