"""A person's past taken out of state and read model, and what remains elsewhere until when."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from core.kafka_admin import CLIENT_LOG, TIMEOUT_S, no_broker
from core.names import Topic, Topics
from core.settings import Settings
from features.iso_times import iso_time
from features.online import VelocityState
from features.open_wire import open_wire
from features.profiles import profile_spec
from views.readmodel.cases import Cases
from views.readmodel.forgetting import Superseded, known_forgotten, scrub
from views.readmodel.projection import digest
from views.readmodel.redis_model import RedisModel

_SALT_BYTES = 32
#: A compacted topic keeps the last message of each key.
_FOR_EVER = -1


@dataclass(frozen=True, slots=True)
class Remaining:
    """What is still there of a forgotten user.

    Attributes:
        where: topic, or the part of the state.
        what: that is there, for people.
        until_ms: when the last of it is deleted at the latest, Unix milliseconds; None: it stays.
    """

    where: str
    what: str
    until_ms: int | None

    def __str__(self) -> str:
        until = "" if self.until_ms is None else f", until {iso_time(self.until_ms)}"
        return f"{self.where}: {self.what}{until}"


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was done.

    Attributes:
        state: arrival logs that were deleted (0 or 1).
        records: events of the read model that are nobody's now; they stay counted.
        alerts: alerts that were deleted from it.
        cases: cases of theirs that were.
        remains: what is still elsewhere.
    """

    state: int
    records: int
    alerts: int
    cases: int
    remains: tuple[Remaining, ...]


def forget(settings: Settings, profile: str, user_id: str) -> Forgotten:
    """Take a user's past out of velocity state and read model.

    The read model remembers a salted hash of the id and this moment: what happened before is not
    taken in again with the id, not even when it is made anew. What the user does from now on is.
    Where it failed half way, do it once more.

    Args:
        settings: where Redis and Kafka are, and the namespace.
        profile: of the user.
        user_id: user, or card in banking.

    Raises:
        ConfigError: there is no such profile.
        StateError: Redis cannot be reached.
        BrokerError: Kafka cannot; nothing was done then.
    """
    now_ms = time.time_ns() // 1_000_000
    remains = _remaining(settings, profile, now_ms)
    wire = open_wire(settings.redis.get_secret_value())
    try:
        key = VelocityState(wire, settings.namespace, profile).key(
            profile_spec(profile).entities[0], user_id
        )
        state = int(wire.execute([(b"UNLINK", key)])[0])
    finally:
        wire.close()
    model = RedisModel(settings)
    try:
        salt = model.salt(profile, secrets.token_bytes(_SALT_BYTES))
        model.forget(profile, digest(salt, user_id), now_ms)
        records, alerts = _scrub(model, profile)
        cases = Cases(model).sweep(profile)
    finally:
        model.close()
    return Forgotten(state, records, alerts, cases, remains)


def _scrub(model: RedisModel, profile: str) -> tuple[int, int]:
    while True:
        generation = model.ask(profile)[0].serving
        if not generation:
            return 0, 0
        try:
            return scrub(model, profile, generation, known_forgotten(model, profile))
        except Superseded:
            continue  # by one that was made anew meanwhile


def _remaining(settings: Settings, profile: str, now_ms: int) -> tuple[Remaining, ...]:
    topics = Topics(settings.namespace)
    told = (
        (topics.transactions(profile), "the events as they came"),
        (topics.scores, "scores, with user and device"),
        (topics.alerts, "alerts, with user, device and address"),
        (topics.dlq, "events that were set aside, as they came"),
        (topics.labels, "labels by event id; no user"),
    )
    retention = _retention_ms(settings, [topic for topic, _ in told])
    found = [
        Remaining(
            topic.name,
            what,
            None if retention[topic.name] == _FOR_EVER else now_ms + retention[topic.name],
        )
        for topic, what in told
        if topic.name in retention
    ]
    others = [entity for entity in profile_spec(profile).entities[1:] if entity != "vector"]
    if others:
        found.append(
            Remaining(
                "velocity state",
                f"hashes of the user's id in the logs of each {' and '.join(others)}; a hash of "
                "64 bits, without salt: who guesses the id can tell",
                None,
            )
        )
    return tuple(found)


def _retention_ms(settings: Settings, topics: Iterable[Topic]) -> dict[str, int]:
    """Milliseconds for which each topic that exists keeps a message; −1: for ever.

    A segment is deleted as a whole, so a message may stay somewhat longer.
    """
    client = AdminClient(settings.confluent_config(), logger=CLIENT_LOG)
    try:
        there = client.list_topics(timeout=TIMEOUT_S).topics
        asked = [
            ConfigResource(ResourceType.TOPIC, topic.name)
            for topic in topics
            if topic.name in there
        ]
        answers = client.describe_configs(asked, request_timeout=TIMEOUT_S) if asked else {}
        found = {}
        for resource, future in answers.items():
            config = future.result(TIMEOUT_S + 1)
            is_compacted = "delete" not in str(config["cleanup.policy"].value)
            found[str(resource.name)] = (
                _FOR_EVER if is_compacted else int(str(config["retention.ms"].value))
            )
    except (KafkaException, TimeoutError) as error:
        raise no_broker(settings, str(error)) from None
    return found
