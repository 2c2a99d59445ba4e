from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource

from core.errors import BrokerError
from core.kafka_admin import CLIENT_LOG, KafkaAdmin, delete_topics, ensure_topics
from core.names import DAY_MS, DLQ_MAX_MESSAGE_BYTES, Topic, Topics
from core.settings import Settings, load_settings


def config_of(settings: Settings, topic: str) -> dict[str, str]:
    client = AdminClient(settings.confluent_config(), logger=CLIENT_LOG)
    (future,) = client.describe_configs([ConfigResource("topic", topic)]).values()
    return {name: entry.value for name, entry in future.result(10).items()}


@pytest.mark.integration
def test_topics_get_the_settings_of_the_contract(settings: Settings) -> None:
    topics = Topics(settings.namespace)
    created = ensure_topics(settings, topics.all("banking"))
    assert sorted(created) == sorted(
        f"{settings.namespace}-{base}"
        for base in (
            "transactions-banking",
            "fraud-alerts",
            "fraud-scores",
            "transactions-dlq",
            "fraud-labels",
        )
    )
    counts = KafkaAdmin(settings).partitions()
    assert {counts[name] for name in created} == {8}
    for topic, days in (
        (topics.transactions("banking"), 30),
        (topics.alerts, 400),
        (topics.scores, 400),
        (topics.dlq, 30),
    ):
        config = config_of(settings, topic.name)
        assert config["message.timestamp.type"] == "LogAppendTime"
        assert config["cleanup.policy"] == "delete"
        assert config["retention.ms"] == str(days * DAY_MS)
    assert config_of(settings, topics.dlq.name)["max.message.bytes"] == str(DLQ_MAX_MESSAGE_BYTES)
    labels = config_of(settings, topics.labels.name)
    assert (labels["cleanup.policy"], labels["message.timestamp.type"]) == (
        "compact",
        "LogAppendTime",
    )


@pytest.mark.integration
def test_existing_topics_stay_as_they_are(settings: Settings) -> None:
    topics = Topics(settings.namespace)
    first = ensure_topics(settings, [topics.scores], partitions=2)
    second = ensure_topics(settings, [topics.scores, topics.alerts], partitions=3)
    assert (first, second) == ([topics.scores.name], [topics.alerts.name])
    counts = KafkaAdmin(settings).partitions()
    assert (counts[topics.scores.name], counts[topics.alerts.name]) == (2, 3)


@pytest.mark.integration
def test_several_may_create_the_same_topics_at_once(settings: Settings) -> None:
    wanted = Topics(settings.namespace).all("ecommerce")
    with ThreadPoolExecutor(4) as pool:
        created = [
            name
            for names in pool.map(lambda _: ensure_topics(settings, wanted, 2), range(4))
            for name in names
        ]
    assert sorted(created) == sorted(topic.name for topic in wanted)


@pytest.mark.integration
def test_deleting_takes_only_what_is_there(settings: Settings) -> None:
    topics = Topics(settings.namespace)
    ensure_topics(settings, [topics.scores], 1)
    assert delete_topics(settings, [topics.scores, topics.alerts]) == [topics.scores.name]
    assert topics.scores.name not in KafkaAdmin(settings).partitions()


@pytest.mark.integration
def test_offsets_since_a_time_are_those_of_the_first_message_after_it(settings: Settings) -> None:
    from confluent_kafka import Producer

    topic = Topics(settings.namespace).scores
    ensure_topics(settings, [topic], 2)
    producer = Producer(settings.confluent_config(), logger=CLIENT_LOG)
    stored: list[int] = []
    for _ in range(3):
        producer.produce(
            topic.name,
            b"x",
            partition=0,
            on_delivery=lambda _, message: stored.append(message.timestamp()[1]),
        )
        producer.flush(10)
    admin = KafkaAdmin(settings)
    counts = {topic.name: 2}
    assert admin.offsets(counts, end=False) == {topic.name: [0, 0]}
    assert admin.offsets(counts, end=True) == {topic.name: [3, 0]}
    first = stored.index(stored[1])
    assert admin.offsets_since(counts, stored[1]) == {topic.name: [first, 0]}
    assert admin.offsets_since(counts, stored[2] + 60_000) == {topic.name: [3, 0]}


@pytest.mark.integration
def test_a_setting_that_the_broker_refuses_is_one_clear_line(settings: Settings) -> None:
    bad = Topic(f"{settings.namespace}-x", 30, max_message_bytes=-5)
    with pytest.raises(BrokerError, match=f"refuses to create topic {bad.name}"):
        ensure_topics(settings, [bad])


def test_no_broker_is_one_clear_line_that_names_the_remedy(
    capfd: pytest.CaptureFixture[str],
) -> None:
    settings = load_settings(kafka="127.0.0.1:9")
    with pytest.raises(BrokerError) as caught:
        ensure_topics(settings, Topics("x").all("ecommerce"), timeout=1.0)
    message = str(caught.value)
    assert "\n" not in message
    assert "no Kafka broker answers at 127.0.0.1:9" in message
    assert "refused" in message
    assert "fraudstream stack up" in message
    assert "FRAUDSTREAM_KAFKA" in message
    assert capfd.readouterr() == ("", "")
