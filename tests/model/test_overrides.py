"""The order allow, block, review, model; shadow; severity."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.names import Decision, Severity
from model.overrides import Met, in_order
from model.rules.rule import Hit


def met(*hits: tuple[str, bool], severity: str = "medium") -> list[Met]:
    return [
        (Hit(f"{action}-{at}", action, shadow, severity, "why"), np.array([True]))
        for at, (action, shadow) in enumerate(hits)
    ]


def decided(model: Decision, *actions: str) -> Decision:
    found = in_order([model], [Severity.LOW], met(*((one, False) for one in actions)))
    return found.decision[0]


@pytest.mark.parametrize("model", list(Decision))
def test_allow_wins_then_block_then_review_then_the_model(model: Decision) -> None:
    assert decided(model) == model
    assert decided(model, "review", "block", "allow") == Decision.ALLOW
    assert decided(model, "review", "block") == Decision.BLOCK
    assert decided(model, "review") == max(model, Decision.REVIEW, key=list(Decision).index)


def test_suppression_takes_reviews_away_and_no_blocks() -> None:
    assert decided(Decision.REVIEW, "suppress") == Decision.ALLOW
    assert decided(Decision.ALLOW, "suppress", "review") == Decision.ALLOW
    assert decided(Decision.BLOCK, "suppress") == Decision.BLOCK
    assert decided(Decision.REVIEW, "suppress", "block") == Decision.BLOCK
    hits = met(("suppress", False))
    assert in_order([Decision.REVIEW], [Severity.LOW], hits).hits[0] == (hits[0][0],)
    assert in_order([Decision.ALLOW], [Severity.LOW], hits).hits[0] == ()


@given(
    model=st.sampled_from(list(Decision)),
    hits=st.lists(
        st.tuples(st.sampled_from(("allow", "block", "review")), st.booleans())
        | st.just(("suppress", False)),
        max_size=5,
    ),
)
def test_shadow_hits_are_named_and_change_nothing(
    model: Decision, hits: list[tuple[str, bool]]
) -> None:
    live = [hit for hit in hits if not hit[1]]
    with_shadow = in_order([model], [Severity.LOW], met(*hits, severity="critical"))
    without = in_order([model], [Severity.LOW], met(*live, severity="critical"))
    assert with_shadow.decision == without.decision
    assert with_shadow.severity == without.severity
    named = [hit.short for hit in with_shadow.hits[0] if hit.shadow]
    assert len(named) == sum(shadow for _, shadow in hits)
    assert all(name.startswith("shadow:") for name in named)


def test_severity_is_the_highest_of_rule_and_model() -> None:
    for model, rule in product(Severity, Severity):
        found = in_order([Decision.REVIEW], [model], met(("review", False), severity=rule))
        highest = max(model, rule, key=list(Severity).index)
        assert found.severity == [highest]


def test_what_some_events_meet_leaves_the_others_alone() -> None:
    hit = Hit("r", "block", False, "critical", "why")
    found = in_order(
        [Decision.ALLOW] * 3, [Severity.LOW] * 3, [(hit, np.array([False, True, False]))]
    )
    assert found.decision == [Decision.ALLOW, Decision.BLOCK, Decision.ALLOW]
    assert found.severity == [Severity.LOW, Severity.CRITICAL, Severity.LOW]
    assert found.hits == [(), (hit,), ()]
