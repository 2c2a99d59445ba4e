"""Whatever bytes come: the worker lives, and each message has exactly one outcome.

Which of them are events is what ``features.validation`` says of each by itself; its own tests say
that this is right.
"""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
from confluent_kafka import Producer

from core.names import RejectCode, Topics
from features.validation import decode
from producer.encode import encode_events
from tests.faults.conftest import NewStage
from tests.faults.hostile_messages import Key, Value, any_keys, drawn, mutated
from tests.faults.outcomes import Outcomes, read_topic
from tests.faults.scale import scaled
from tests.faults.stage import Stage
from tests.features.written_events import SAMPLES
from tests.stream.test_worker import events
from tests.stream.workers import produce_all

#: Messages drawn by Hypothesis, which takes its time.
DRAWN = scaled(2_000)


def publish(stage: Stage, keys: list[Key], values: list[Value]) -> None:
    topic = Topics(stage.settings.namespace).transactions(stage.settings.profile).name
    sender = Producer({**stage.settings.confluent_config(), "compression.type": "lz4"})
    produce_all(sender, topic, zip(keys, values, strict=True))


def genuine(profile: str, count: int) -> list[bytes]:
    """Valid events, as a sender of ours writes them."""
    if profile == "ecommerce":
        return encode_events(events(count, seed=111))
    sample = SAMPLES[profile]
    return [
        json.dumps({**sample, "event_id": f"e-{one}", "time": one}).encode() for one in range(count)
    ]


def of_the_future(value: bytes, profile: str) -> bytes:
    """An event with a time that nobody believes, which chance seldom makes of a valid one."""
    field = {"ecommerce": "purchase_time", "banking": "time"}[profile]
    return json.dumps(
        {**json.loads(value), "event_id": "future", field: "2150-01-01T00:00:00Z"}
    ).encode()


@pytest.mark.parametrize(("profile", "count"), [("ecommerce", 50_000), ("banking", 5_000)])
def test_each_hostile_message_is_scored_or_set_aside_and_the_worker_lives(
    profile: str, count: int, new_stage: NewStage
) -> None:
    stage = new_stage(alert_all=False, profile=profile)
    count = scaled(count)
    good = genuine(profile, count // 20)
    # What is changed has ids of its own: what contradicts another event is set aside.
    material = [one.replace(b'"e-', b'"changed-') for one in good]
    some = drawn(profile, min(DRAWN, count // 4))
    hostile = some + mutated(material, count - len(some), seed=112)
    everything: list[Value] = [*hostile, *good, of_the_future(good[0], profile)]
    order = np.random.default_rng(113).permutation(len(everything)).tolist()
    publish(stage, any_keys(len(order), seed=114), [everything[one] for one in order])
    worker = stage.start()
    stage.await_drained()
    assert worker.lives, worker.said()
    outcomes = stage.outcomes()
    assert_each_has_one_outcome(stage, outcomes)
    for one in good:
        assert json.loads(one)["event_id"] in outcomes.scores
    scored = sum(map(len, outcomes.scores.values()))
    assert scored + len(outcomes.dead) == len(order)
    assert worker.metric("fraudstream_transactions_total") == scored
    assert worker.metric("fraudstream_rejected_total") == len(outcomes.dead)


def assert_each_has_one_outcome(stage: Stage, outcomes: Outcomes) -> None:
    """By its place in the log: a score where it is an event, else a dead letter with its bytes."""
    settings = stage.settings
    sent = list(
        read_topic(settings, Topics(settings.namespace).transactions(settings.profile).name)
    )
    judged = decode(
        settings.profile,
        [one.value() for one in sent],
        [one.timestamp()[1] for one in sent],
        settings.max_future_s * 1000,
    )
    scores = Counter(
        (copy.content["origin"]["partition"], copy.content["origin"]["offset"])
        for copies in outcomes.scores.values()
        for copy in copies
    )
    dead = {}
    for letter in outcomes.dead:
        headers = dict(letter.headers())
        place = (int(headers["source.partition"]), int(headers["source.offset"]))
        assert place not in dead, "two letters about one message"
        dead[place] = (letter.value(), letter.key(), headers["error.code"].decode())
    codes: Counter[str] = Counter()
    for row, one in enumerate(sent):
        place = (one.partition(), one.offset())
        refused = judged.rejected.get(row)
        if refused is None and place not in dead:
            assert scores[place] == 1, (place, one.value())
            continue
        assert scores[place] == 0, (place, one.value())
        # An event that contradicts an earlier one is found when it meets it in the state.
        code = RejectCode.DUPLICATE_CONFLICT if refused is None else refused.code
        assert dead[place] == (one.value(), one.key(), code)
        codes[code] += 1
    # Banking has no addresses.
    assert codes.keys() >= set(RejectCode) - {RejectCode.TOO_LARGE, RejectCode.BAD_IP}, "too tame"
    assert scores.total() + len(dead) == len(sent)
