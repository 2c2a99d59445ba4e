"""The series of rules follow the rules in use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from model.overrides import NO_OVERRIDES, Overrides
from model.rules.followed import FollowedRules
from model.rules.rule import Hit
from stream.metrics import WorkerMetrics
from stream.rules_watch import RulesWatch

HITS = "fraudstream_rule_hits_total"


def rule(name: str) -> str:
    return f"- {{name: {name}, when: 'amount > 1', action: review, reason: large}}\n"


def series(metrics: WorkerMetrics) -> dict[str, float]:
    """Rule → its hits, of every series there is."""
    return {
        one.labels["rule"]: one.value
        for family in metrics.registry.collect()
        for one in family.samples
        if one.name == HITS
    }


def hit(name: str) -> Hit:
    return Hit(name, "review", False, "medium", "large")


def test_series_of_a_rule_end_with_it_also_when_its_last_batch_is_counted_later(
    tmp_path: Path,
) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(rule("stays") + rule("old"))
    metrics = WorkerMetrics("ecommerce")

    def override(change: Callable[[Overrides], Overrides]) -> None:
        change(NO_OVERRIDES)

    watch = RulesWatch(FollowedRules(path, "ecommerce"), override, metrics)
    batch = [(hit("stays"), hit("old")), (hit("list:deny:device"),)]
    metrics.observe_hits(batch)
    assert series(metrics) == {"stays": 1, "old": 1, "list:deny:device": 1}
    path.write_text(rule("stays") + rule("renamed"))
    watch.look()
    assert series(metrics) == {"stays": 1, "renamed": 0, "list:deny:device": 1}
    metrics.observe_hits(batch)  # was judged by the rules before
    assert series(metrics) == {"stays": 2, "renamed": 0, "list:deny:device": 2}
    path.write_text(rule("stays") + rule("old"))
    watch.look()
    metrics.observe_hits(batch)  # it is back
    assert series(metrics) == {"stays": 3, "old": 1, "list:deny:device": 3}
