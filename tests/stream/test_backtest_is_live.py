"""What a worker decided and what a backtest of the same events says are equal, event by event."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.kafka_admin import ensure_topics
from core.names import Decision, Topics
from core.settings import Settings
from features.countries import load_country_table
from features.csv_source import read_transactions
from producer.sample import SampleOptions, write_sample
from stream.backtesting import judged
from stream.decisions import load_decision_maker
from stream.offline_scores import as_replayed
from tests.stream.conftest import put_small_model
from tests.stream.test_files import fraudstream
from tests.stream.workers import Reader, running_worker

pytestmark = pytest.mark.integration
ROWS = 1_500
#: Low thresholds, so that there are blocks to take a control share of.
GIVEN = {"control_share": 0.1, "threshold_review": 0.04, "threshold_block": 0.05}
RULES = """
- name: shared-device
  when: device_users_1h >= 1 && seconds_since_signup < 3600
  action: block
  severity: critical
  reason: another account bought from this device within the hour
- name: usual-customer
  when: user_count_30d > 3 && amount < 50
  action: allow
  reason: known for a while
- name: night
  when: hour >= 1 && hour < 5 && score > 0.2
  action: review
  reason: at night
  from: 2015-01-01T00:00:00Z
- name: browser
  when: browser in ["IE", "Opera"] && country != "US"
  action: block
  reason: tried out
  shadow: true
"""


def test_score_decision_and_rules_are_those_that_were_published(
    settings: Settings, tmp_path: Path
) -> None:
    csv, rules = tmp_path / "events.csv", tmp_path / "rules.yaml"
    write_sample(csv, SampleOptions("ecommerce", rows=ROWS, fraud_rate=0.15, days=6))
    rules.write_text(RULES)
    put_small_model(settings)
    ensure_topics(settings, Topics(settings.namespace).all(settings.profile), 4)
    fraudstream(settings, tmp_path, "replay", str(csv))
    reader = Reader(settings)
    with running_worker(
        settings,
        tmp_path / "worker.log",
        FRAUDSTREAM_RULES=str(rules),
        **{f"FRAUDSTREAM_{name.upper()}": str(value) for name, value in GIVEN.items()},
    ):
        live = reader.read_until(ROWS)
    reader.close()

    data = read_transactions(csv)
    batch = data.batch.take(as_replayed(data.batch))
    countries = load_country_table(settings.ip_table)
    same = settings.model_copy(update={"rules": rules, **GIVEN})
    found = judged("backtest", batch, countries, load_decision_maker(same, countries), _nobody)
    decisions = [decision.value for decision in Decision]
    expected = {
        event_id: (
            float(str(score)),
            decisions[decision],
            [f"shadow:{name}" if name in found.shadow else name for name in names],
        )
        for event_id, score, decision, names in zip(
            batch.event_id, found.score, found.decision, found.rules, strict=True
        )
    }
    assert {
        one["event_id"]: (one["score"], one["decision"], one["rules"]) for one in live.scores
    } == expected
    # Every rule had its say, or the test shows nothing.
    assert {name for *_, names in expected.values() for name in names} == {
        "shared-device", "usual-customer", "night", "shadow:browser",
    }  # fmt: skip
    assert found.shadow == {"browser"}
    assert len({decision for _, decision, _ in expected.values()}) == len(Decision)
    assert any(one.get("control") for one in live.scores)


def _nobody(_: int) -> None:
    """Nobody watches."""
