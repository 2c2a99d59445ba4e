from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import orjson
import pytest
from numpy.typing import NDArray

from core.errors import BrokerError, ConfigError
from core.kafka_admin import KafkaAdmin, delete_topics, ensure_topics
from core.names import Topics
from core.settings import Settings, load_settings
from features.batch import order_key
from producer.checkpoint import Checkpoint, read_checkpoint
from producer.pacing import ByRate, Pace, Unpaced
from producer.plan import Plan, make_plan
from producer.replay import End, Job, Progress, replay
from producer.sender import Sender
from producer.tail import TailReader
from tests.producer.batches import START, labels_of, plain_batch
from tests.producer.topic_contents import contents, event_ids

pytestmark = pytest.mark.integration
PARTITIONS = 4
LOG_APPEND_TIME = 2


class Silent:
    def progress(self, progress: Progress) -> None: ...
    def notice(self, text: str) -> None: ...


class Held:
    """Everything before event ``until`` is due at once, the rest never."""

    def __init__(self, until: int) -> None:
        self.until = until

    def due_s(
        self, event_number: NDArray[np.int64], time_ms: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        return np.where(event_number < self.until, 0.0, 1e9)

    def starting_at(self, event_number: int, time_ms: int) -> Held:
        return self


def after_calls(count: int) -> Callable[[], bool]:
    """A ``stopping`` that says yes from the n-th question on."""
    left = iter(range(count))
    return lambda: next(left, None) is None


def plan_of(size: int, **options: int | bool | None) -> Plan:
    batch = plain_batch([START + 1000 * (i // 3) for i in range(size)])
    return make_plan(batch, labels_of(batch), **options)  # type: ignore[arg-type]


def events_topic(settings: Settings) -> str:
    return Topics(settings.namespace).transactions("ecommerce").name


def job_of(settings: Settings, plan: Plan, folder: Path, pace: Pace | None = None) -> Job:
    topics = Topics(settings.namespace)
    ensure_topics(settings, [topics.transactions("ecommerce"), topics.labels], PARTITIONS)
    fresh = Checkpoint(plan.fingerprint(), "", {}, {}, plan.shift_ms)
    return Job(settings, plan, pace or Unpaced(), folder / "c.json", fresh, patience_s=20.0)


def resumed(job: Job) -> Job:
    checkpoint = read_checkpoint(job.path)
    assert checkpoint is not None
    return replace(job, checkpoint=checkpoint)


def run(job: Job, stopping: Callable[[], bool] = lambda: False) -> Progress:
    return replay(job, Silent(), stopping)


def murmur2(data: bytes) -> int:
    """The hash of Kafka's own clients, whose partitioner every producer of ours follows."""
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = 0x9747B28C ^ len(data)
    whole = len(data) & ~3
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    if tail := data[whole:]:
        h = (h ^ int.from_bytes(tail, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


def test_every_event_arrives_once_keyed_and_in_total_order(
    settings: Settings, tmp_path: Path
) -> None:
    plan = plan_of(5_000)
    progress = run(job_of(settings, plan, tmp_path))
    stored = contents(settings, events_topic(settings))
    assert (progress.sent, progress.failed, progress.end) == (5_000, 0, End.COMPLETE)
    assert progress.confirmed
    assert sorted(one.value["event_id"] for one in stored) == sorted(plan.batch.event_id)
    by_partition = defaultdict(list)
    for one in stored:
        assert one.key == one.value["user_id"]
        assert one.partition == (murmur2(one.key.encode()) & 0x7FFFFFFF) % PARTITIONS
        assert one.timestamp_type == LOG_APPEND_TIME
        by_partition[one.partition].append(
            (one.value["purchase_time"], order_key(one.value["event_id"]))
        )
    assert len(by_partition) == PARTITIONS
    for events in by_partition.values():
        assert events == sorted(events)


def test_labels_go_to_their_topic_keyed_by_event(settings: Settings, tmp_path: Path) -> None:
    plan = plan_of(30, label_delay_ms=86_400_000)
    progress = run(job_of(settings, plan, tmp_path))
    labels = {
        one.key: one.value for one in contents(settings, Topics(settings.namespace).labels.name)
    }
    assert (progress.sent, progress.labels) == (30, 30)
    assert labels["e000003"] == {
        "schema": 1,
        "event_id": "e000003",
        "profile": "ecommerce",
        "label": 1,
        "labelled_at": "2015-01-02T00:00:01.000Z",
        "source": "replay",
    }
    assert len(labels) == 30


def test_nothing_is_sent_before_it_is_due(settings: Settings, tmp_path: Path) -> None:
    job = job_of(settings, plan_of(100), tmp_path, ByRate(4.0))
    now = [0.0]
    enough = after_calls(8)

    def stopping() -> bool:  # first asked when the schedule has begun
        now[0] = 2.1
        return enough()

    progress = replay(job, Silent(), stopping, clock=lambda: now[0])
    # Due by 2.1 s at 4/s: events 0 (at 0 s) to 8 (at 2 s).
    assert progress.position == 9
    assert event_ids(settings, events_topic(settings)) == [f"e{i:06d}" for i in range(9)]


def test_a_stopped_replay_goes_on_without_gap_or_repeat(settings: Settings, tmp_path: Path) -> None:
    plan = plan_of(3_000, label_delay_ms=400_000)
    job = job_of(settings, plan, tmp_path)
    first = run(job, after_calls(4))
    assert first.end is End.STOPPED
    assert first.confirmed
    assert 0 < first.position < plan.events  # type: ignore[operator]
    second = run(resumed(job))
    assert second.end is End.COMPLETE
    assert (second.events, first.sent + second.sent, second.already_there) == (3_000, 3_000, 0)
    assert event_ids(settings, events_topic(settings)) == sorted(plan.batch.event_id)
    labels = event_ids(settings, Topics(settings.namespace).labels.name)
    assert labels == sorted(plan.batch.event_id)


def test_a_complete_replay_resumed_sends_nothing(settings: Settings, tmp_path: Path) -> None:
    job = job_of(settings, plan_of(50), tmp_path)
    run(job)
    again = run(resumed(job))
    assert (again.sent, again.events, again.end) == (0, 50, End.COMPLETE)
    assert len(event_ids(settings, events_topic(settings))) == 50


def test_what_got_through_before_a_crash_is_not_sent_again(
    settings: Settings, tmp_path: Path
) -> None:
    """Partitions progress independently: what arrived behind the checkpoint is no prefix."""
    plan = plan_of(40)
    job = job_of(settings, plan, tmp_path)
    run(replace(job, pace=Held(0)), after_calls(3))  # leaves the checkpoint at the beginning
    _deliver(settings, plan, [*range(10), *range(15, 20), 39])

    # Crashes again before all of what is there has been passed.
    run(replace(resumed(job), pace=Held(12)), after_calls(8))
    interim = read_checkpoint(job.path)
    assert interim is not None
    assert interim.position == 12

    last = run(resumed(job))
    assert last.already_there == 6
    assert event_ids(settings, events_topic(settings)) == sorted(plan.batch.event_id)


def _deliver(settings: Settings, plan: Plan, positions: list[int]) -> None:
    sender = Sender(settings, stopping=lambda: False, notice=lambda text: None, patience_s=20.0)
    (chunk,) = plan.chunks()
    for i in positions:
        sender.send(events_topic(settings), chunk.keys[i], chunk.values[i], chunk.ids[i])
    assert sender.confirm()
    sender.close()


def test_messages_of_others_behind_the_checkpoint_do_no_harm(
    settings: Settings, tmp_path: Path
) -> None:
    plan = plan_of(20)
    job = job_of(settings, plan, tmp_path)
    run(replace(job, pace=Held(5)), after_calls(10))
    sender = Sender(settings, stopping=lambda: False, notice=lambda text: None, patience_s=20.0)
    for value in (b"no json", b"[1]", b'{"event_id": 7}', b'{"event_id": "stranger"}'):
        sender.send(events_topic(settings), "k", value, "?")
    assert sender.confirm()
    sender.close()
    run(resumed(job))
    admitted = set(plan.batch.event_id)
    topic = events_topic(settings)
    found = _ids_of_events(settings, topic)
    assert sorted(one for one in found if one in admitted) == sorted(admitted)


def _ids_of_events(settings: Settings, topic: str) -> list[str]:
    admin = KafkaAdmin(settings)
    counts = {topic: admin.partitions()[topic]}
    reader = TailReader(settings, admin.offsets(counts, end=False))
    messages = chain.from_iterable(reader.until(admin.offsets(counts, end=True)))
    found = [
        orjson.loads(message.value())["event_id"]
        for message in messages
        if message.value().startswith(b'{"schema"')
    ]
    reader.close()
    return found


def test_a_topic_made_anew_is_not_taken_for_the_old_one(settings: Settings, tmp_path: Path) -> None:
    job = job_of(settings, plan_of(10), tmp_path)
    run(job)
    topic = Topics(settings.namespace).transactions("ecommerce")
    delete_topics(settings, [topic])
    while not ensure_topics(settings, [topic], PARTITIONS):
        continue
    with pytest.raises(ConfigError, match="is not the one"):
        run(resumed(job))


def test_laps_end_where_the_future_begins(settings: Settings, tmp_path: Path) -> None:
    settings = load_settings(**{**settings.model_dump(), "max_future_s": 0})
    batch = plain_batch([START, START + 999])
    plan = make_plan(batch, labels_of(batch), loop=True)
    progress = replay(
        job_of(settings, plan, tmp_path), Silent(), lambda: False, now_ms=lambda: START + 5_000
    )
    assert progress.end is End.FUTURE
    times = {one.value["purchase_time"] for one in contents(settings, events_topic(settings))}
    assert times
    assert max(times) <= "2015-01-01T00:00:05.000Z"


def test_an_event_too_large_for_the_topic_is_counted_and_tried_again(
    settings: Settings, tmp_path: Path
) -> None:
    batch = plain_batch([START, START + 1, START + 2])
    batch.text["device_id"][1] = "d" * 1_100_000
    job = job_of(settings, make_plan(batch, labels_of(batch)), tmp_path)
    progress = run(job)
    assert (progress.failed, progress.confirmed) == (1, False)
    assert progress.failures[0].event_id == "e000001"
    assert "bytes" in progress.failures[0].reason
    assert event_ids(settings, events_topic(settings)) == ["e000000", "e000002"]
    again = run(resumed(job))
    assert (again.already_there, again.failed) == (2, 1)
    assert event_ids(settings, events_topic(settings)) == ["e000000", "e000002"]


def test_an_outage_is_announced_and_then_given_up() -> None:
    notices: list[str] = []
    sender = Sender(
        load_settings(kafka="127.0.0.1:9"),
        stopping=lambda: False,
        notice=notices.append,
        patience_s=0.5,
    )
    try:
        assert sender.send("t", "k", b"{}", "e")
        with pytest.raises(BrokerError, match=r"127\.0\.0\.1:9 .* no acknowledgement for 0\.5 s"):
            sender.confirm()
    finally:
        sender.close()
    assert len(notices) == 1
    assert "refused" in notices[0]


def test_a_full_queue_without_a_broker_ends_by_request() -> None:
    asked = iter([False] * 3)
    sender = Sender(
        load_settings(kafka="127.0.0.1:9"),
        stopping=lambda: next(asked, True),
        notice=lambda text: None,
        patience_s=60.0,
    )
    try:
        value = b"x" * 1_000_000
        sent = [sender.send("t", "k", value, "e") for _ in range(200)]
    finally:
        sender.close()
    # 128 MiB of queue hold some 134 of them; the rest were not handed over.
    assert 100 < sent.count(True) < 150
    assert sent == sorted(sent, reverse=True)
