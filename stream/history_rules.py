"""Recording rules applied to history: what is evaluated when, and the text of what comes out.

Prometheus applies recording rules to new samples only. ``promtool tsdb create-blocks-from rules``
evaluates them at moments that are shifted by a hash of the rule file's path; a window of five
minutes then holds one of our samples and no rate. It also evaluates a rule before the results of
another one can be read. Here every rule is evaluated at the very steps of the samples, and those
that other rules read come first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

from core.metrics import Kind
from stream.history import Labels, Steps
from stream.openmetrics_history import head, label_text

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_WINDOW = re.compile(r"\[((?:\d+(?:ms|[smhdwy]))+)\]")


class Rule(Protocol):
    """A recording rule."""

    @property
    def name(self) -> str:
        """Of its series."""

    @property
    def query(self) -> str:
        """Its expression."""


AnyRule = TypeVar("AnyRule", bound=Rule)


def in_order(rules: Sequence[AnyRule], names: Iterable[str]) -> list[list[AnyRule]]:
    """Rules that can have a result, in rounds: each reads series of earlier rounds only.

    Args:
        rules: all.
        names: of the series that are there before the first round.
    """
    there = set(names)
    waiting, rounds = list(rules), []
    while waiting:
        unmade = {rule.name for rule in waiting}
        ready = [rule for rule in waiting if not names_read(rule) & (unmade - {rule.name})]
        if not ready:  # they read each other
            break
        waiting = [rule for rule in waiting if rule not in ready]
        fed = [rule for rule in ready if names_read(rule) & there]
        there |= {rule.name for rule in fed}
        if fed:
            rounds.append(fed)
    return rounds


def names_read(rule: Rule) -> set[str]:
    """Names of series, and other words, in its expression."""
    return set(_NAME.findall(rule.query))


def widened(query: str) -> str:
    """The query with every window longer by a second.

    From version 3 on, Prometheus leaves the sample on a window's left edge out. The longer window
    holds it again, so that five minutes have two samples and a growth between them.
    """
    return _WINDOW.sub(r"[\g<1>1s]", query)


def stretches(steps: Steps) -> list[tuple[int, int]]:
    """First and last step of each stretch without a gap."""
    found: list[tuple[int, int]] = []
    for step in steps.tolist():
        if found and step == found[-1][1] + 1:
            found[-1] = (found[-1][0], step)
        else:
            found.append((step, step))
    return found


def recorded_text(
    name: str,
    fixed: Labels,
    target: Labels,
    labels: Mapping[str, str],
    samples: Sequence[tuple[float, str]],
) -> str:
    """One recorded series; ``fixed`` are the rule's own labels, ``target`` job and instance."""
    all_labels = {key: value for key, value in labels.items() if key != "__name__"}
    before = f"{name}{label_text((all_labels | dict(fixed) | dict(target)).items())} "
    return "".join([f"{before}{value} {time:.0f}\n" for time, value in samples])


def recorded_head(name: str) -> str:
    """The lines before the samples of a rule."""
    return head(name, Kind.GAUGE, "Recorded from history.")
