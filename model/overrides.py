"""What decides beside the model: rules and lists, in the order allow, block, review, model.

1. Where something allows, the event is allowed, whatever else is said.
2. Otherwise, where something blocks, it is blocked.
3. Otherwise the model decides, and what asks for a review raises its ``allow`` to ``review``.
4. A review of an entity whose alerts are suppressed becomes ``allow``; a block stays.

Shadow hits are named and change nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from core.names import Decision, Severity
from model.lists.lists import NO_LISTS, SUPPRESS, Lists
from model.rules.fields import Rows
from model.rules.rule import Hit
from model.rules.rule_set import NO_RULES, RuleSet

#: What was met, and by which events, shape (n,).
Met: TypeAlias = tuple[Hit, NDArray[np.bool_]]

_RANK = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True)
class Overrides:
    """Rules and lists in use; both are swapped as one."""

    rules: RuleSet = NO_RULES
    lists: Lists = NO_LISTS

    def met(self, rows: Rows) -> list[Met]:
        """What the events of a batch meet, rules first; only what is met at all."""
        found: list[Met] = []
        if len(self.rules):
            hits = self.rules.hits(rows)
            rules = np.flatnonzero(hits.any(axis=1)).tolist()
            found.extend((self.rules.rules[at].hit, hits[at]) for at in rules)
        found.extend(self.lists.met(rows.batch, rows.country))
        return found


NO_OVERRIDES = Overrides()


@dataclass(frozen=True, slots=True)
class Ordered:
    """What follows for n events.

    Attributes:
        decision: ``core.names.Decision`` values, n.
        severity: ``core.names.Severity`` values, n.
        hits: what each event met, n.
    """

    decision: list[Decision]
    severity: list[Severity]
    hits: Sequence[tuple[Hit, ...]]


def in_order(decision: list[Decision], severity: list[Severity], met: Sequence[Met]) -> Ordered:
    """Join what the model says of n events with what they met.

    Args:
        decision: of the model.
        severity: of the model's scores.
        met: rules and lists.
    """
    n = len(decision)
    if not met:
        return Ordered(decision, severity, [()] * n)
    decisions, severities = list(decision), list(severity)
    hits: list[list[Hit]] = [[] for _ in range(n)]
    for hit, where in met:
        for row in np.flatnonzero(where).tolist():
            hits[row].append(hit)
    for row, of_row in enumerate(hits):
        if of_row:
            _decide_one(row, of_row, decisions, severities)
    return Ordered(decisions, severities, [tuple(of_row) for of_row in hits])


def _decide_one(
    row: int, hits: list[Hit], decisions: list[Decision], severities: list[Severity]
) -> None:
    counting = [hit for hit in hits if not hit.shadow]
    actions = {hit.action for hit in counting}
    if "allow" in actions:
        decisions[row] = Decision.ALLOW
    elif "block" in actions:
        decisions[row] = Decision.BLOCK
    elif decisions[row] != Decision.BLOCK and SUPPRESS in actions:
        reviewed = decisions[row] == Decision.REVIEW or "review" in actions
        decisions[row] = Decision.ALLOW
        if not reviewed:  # there was nothing to suppress
            hits[:] = [hit for hit in hits if hit.action != SUPPRESS]
    elif decisions[row] == Decision.ALLOW and "review" in actions:
        decisions[row] = Decision.REVIEW
    asked = [Severity(hit.severity) for hit in counting if hit.action in {"block", "review"}]
    severities[row] = max([severities[row], *asked], key=_RANK.__getitem__)
