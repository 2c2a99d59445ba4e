"""From the scored events of a file to the metrics a worker would have shown at their own times.

Promise: the value of a series at a step is what a worker's counter has counted of the events before
that moment, had it read each one when it happened. Everything here is a function of columns: no
clock, no files.

Time is counted in steps of five minutes since 1970 UTC, and a series is kept as the steps at which
it changes. An event belongs to the first step after it, so that the difference of two midnights is
exactly what happened on that day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from prometheus_client.utils import floatToGoString  # as the worker's page writes bounds

from core import metrics as declared
from core.metrics import Metric
from core.names import Decision, Severity
from features.batch import AMOUNT_SCALE
from features.declared import BROWSERS, COUNTRIES, SOURCES, declared_features
from features.known import own_columns
from features.profiles import profile_spec
from stream.outcomes import Scored

STEP_S = 300
STEP_MS = 1000 * STEP_S
#: There are samples from a day before an event to a day after it: windows of up to a day see that
#: nothing grew where nothing happened, and a stray date does not fill the years up to it.
PAD_STEPS = 86_400 // STEP_S

Labels = tuple[tuple[str, str], ...]
Steps = NDArray[np.int64]

_VIEWS = {
    "country": (declared.COUNTRY_TRANSACTIONS, declared.COUNTRY_ALERTS, COUNTRIES),
    "browser": (declared.BROWSER_TRANSACTIONS, declared.BROWSER_ALERTS, BROWSERS),
    "source": (declared.SOURCE_TRANSACTIONS, declared.SOURCE_ALERTS, SOURCES),
}
_DECISIONS, _SEVERITIES = tuple(Decision), tuple(Severity)


@dataclass(frozen=True, slots=True)
class Series:
    """One series.

    Attributes:
        name: with its suffix.
        labels: names and values, without job and instance.
        steps: where it changes, ascending, shape (n,).
        values: from each of these steps on, shape (n,); before the first it is 0.
    """

    name: str
    labels: Labels
    steps: Steps
    values: NDArray[np.int64] | NDArray[np.float64]

    def at(self, step: int) -> int | float:
        """Its value at a step."""
        place = int(np.searchsorted(self.steps, step, side="right"))
        value: int | float = self.values[place - 1].item() if place else 0
        return value


@dataclass(frozen=True, slots=True)
class Family:
    """A metric and its series; those of one group (a histogram's) always have samples together."""

    metric: Metric
    groups: list[list[Series]]


class Columns:
    """Gathers what the metrics need of scored micro-batches.

    Args:
        profile: of the events.
    """

    def __init__(self, profile: str) -> None:
        self.profile = profile
        sources = {feature.source for feature in declared_features(profile)}
        #: Columns by which events are counted: those that the profile has.
        self.views = tuple(column for column in _VIEWS if column in sources)
        self._parts: list[dict[str, NDArray[np.generic]]] = []

    def add(self, scored: Scored) -> None:
        """Take the events of a micro-batch."""
        codes = own_columns(scored.batch, scored.country).code
        self._parts.append(
            {name: codes[name] for name in self.views}
            | {
                "time_ms": scored.batch.time_ms,
                "amount": scored.batch.amount,
                "users": scored.device_users,
                "score": scored.score,
                "decision": _positions(scored.decision, _DECISIONS),
                "severity": _positions(scored.severity, _SEVERITIES),
            }
        )

    def joined(self) -> dict[str, NDArray[np.generic]]:
        """Each column in one piece."""
        names = self._parts[0] if self._parts else ()
        return {name: np.concatenate([part[name] for part in self._parts]) for name in names}


def families(
    columns: Columns, model: tuple[str, str], before_ms: int
) -> tuple[list[Family], Steps]:
    """All metrics of the fraud views, and the steps at which there are samples.

    Series begin at 0, as in a worker. Countries without an event are left out.

    Args:
        columns: the events.
        model: name and version of the one that decided.
        before_ms: events from here on are left out, and there is no sample after it.
    """
    table = columns.joined()
    kept = table["time_ms"].astype(np.int64) < before_ms if table else np.zeros(0, np.bool_)
    if not kept.any():
        return [], np.empty(0, np.int64)
    table = {name: column[kept] for name, column in table.items()}
    step = table["time_ms"].astype(np.int64) // STEP_MS + 1
    alerted = table["decision"] != _DECISIONS.index(Decision.ALLOW)
    profile: Labels = (("profile", columns.profile),)
    value = table["amount"].astype(np.int64)[alerted]
    found = [
        _by_category(declared.TRANSACTIONS, profile, step, table["decision"], _DECISIONS),
        _by_category(
            declared.ALERTS, profile, step[alerted], table["severity"][alerted], _SEVERITIES
        ),
        Family(
            declared.ALERT_VALUE,
            [[_sum(declared.ALERT_VALUE.name, profile, step[alerted], value, AMOUNT_SCALE)]],
        ),
    ]
    for column in columns.views:
        transactions, alerts, names = _VIEWS[column]
        codes = table[column]
        seen = np.unique(codes).tolist() if column == "country" else range(len(names))
        found += [
            _by_category(transactions, profile, step, codes, names, seen),
            _by_category(alerts, profile, step[alerted], codes[alerted], names, seen),
        ]
    if "device_id" in profile_spec(columns.profile).text:
        users = table["users"].astype(np.int64)
        found.append(
            _histogram(declared.DEVICE_USERS, profile, step[users >= 0], users[users >= 0])
        )
    found.append(_histogram(declared.SCORE, profile, step, table["score"].astype(np.float64)))
    steps = _sampled(step)
    steps = steps[steps * STEP_MS <= before_ms]
    found.append(Family(declared.MODEL_INFO, [[_model_info(model, steps[:1])]]))
    return found, steps


def _sampled(step: Steps) -> Steps:
    """All steps not further than ``PAD_STEPS`` from one of these, ascending."""
    event = np.unique(step)
    first = np.flatnonzero(np.diff(event, prepend=event[0] - 2 * PAD_STEPS - 1) > 2 * PAD_STEPS)
    last = np.append(first[1:], len(event)) - 1
    return np.concatenate(
        [
            np.arange(event[begin] - PAD_STEPS, event[end] + PAD_STEPS + 1)
            for begin, end in zip(first.tolist(), last.tolist(), strict=True)
        ]
    )


def _by_category(
    metric: Metric,
    fixed: Labels,
    step: Steps,
    codes: NDArray[np.generic],
    names: Sequence[str],
    wanted: Sequence[int] | None = None,
) -> Family:
    """A counter by the metric's last label; a code is a position in ``names``."""
    label = metric.labels[-1]
    return Family(
        metric,
        [
            [_count(metric.name, (*fixed, (label, str(names[code]))), step[codes == code])]
            for code in (range(len(names)) if wanted is None else wanted)
        ],
    )


def _count(name: str, labels: Labels, step: Steps) -> Series:
    """How many events there were."""
    steps, counts = np.unique(step, return_counts=True)
    return Series(name, labels, steps, np.cumsum(counts))


def _sum(
    name: str,
    labels: Labels,
    step: Steps,
    values: NDArray[np.int64] | NDArray[np.float64],
    scale: int = 1,
) -> Series:
    """What the events' values add up to, divided by ``scale``."""
    order = np.argsort(step, kind="stable")
    total = np.cumsum(values[order]) / scale
    steps = np.unique(step)
    last = np.searchsorted(step[order], steps, side="right") - 1
    return Series(name, labels, steps, total[last].astype(np.float64))


def _histogram(
    metric: Metric,
    fixed: Labels,
    step: Steps,
    values: NDArray[np.int64] | NDArray[np.float64],
) -> Family:
    """A histogram without labels that vary; a value on a bound belongs to the bucket it closes."""
    bucket, total, count = metric.series
    group = [
        _count(bucket, (*fixed, ("le", _bound_text(bound))), step[values <= bound])
        for bound in (*metric.buckets, float("inf"))
    ]
    group.append(_sum(total, fixed, step, values))
    group.append(_count(count, fixed, step))
    return Family(metric, [group])


def _bound_text(bound: float) -> str:
    text: str = floatToGoString(bound)  # type: ignore[no-untyped-call]
    return text


def _model_info(model: tuple[str, str], first: Steps) -> Series:
    values = (*model, "champion")
    labels = tuple(zip(declared.MODEL_INFO.labels, values, strict=True))
    return Series(declared.MODEL_INFO.name, labels, first, np.ones(len(first), np.int64))


def _positions(values: Sequence[str], names: Sequence[str]) -> NDArray[np.int8]:
    place = {name: position for position, name in enumerate(names)}
    return np.array([place[value] for value in values], np.int8)
