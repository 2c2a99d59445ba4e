"""A peer: Quix Streams with its own state in RocksDB, one stage for each kind of entity.

Quix keeps state by message key, so the events are keyed anew for every entity: from the input topic
(keyed by user) to one keyed by device, to one keyed by address. Each stage keeps its entities'
arrival logs, lets the worker's kernel look at the event's past, and sends the event on with what it
found. After the last one a sink makes the feature vectors of a micro-batch, scores and publishes
them. State is backed by changelog topics, as is Quix' default. All stages run in one
process, like the worker. Entities that stay away are not forgotten.

Run as ``python -m bench.quix_rocksdb`` in the environment of ``bench.quix_environment``.
"""

from __future__ import annotations

import sys
from typing import Any

import msgspec
from quixstreams import Application
from quixstreams.models import Deserializer, Serializer, Topic, TopicConfig

from bench.entity_log import KeyValueState, remember
from bench.last_stage import LastStage
from bench.quix_app import input_topic, quix_app
from bench.quix_stages import (
    NOBODY,
    Envelope,
    FirstStage,
    ScoringSink,
    both_ends,
    conflict_of,
    is_there,
)
from core.kafka_admin import KafkaAdmin
from core.logs import set_up_logging
from core.names import Topics
from core.settings import Settings, load_settings
from features.profiles import profile_spec


class _Pack(Serializer):  # type: ignore[misc]
    """Envelope → bytes."""

    def __init__(self) -> None:
        super().__init__()
        self._encode = msgspec.msgpack.Encoder().encode

    def __call__(self, value: Envelope, *_: Any, **__: Any) -> bytes:
        return self._encode(value)


class _Unpack(Deserializer):  # type: ignore[misc]
    """Bytes → envelope."""

    def __init__(self) -> None:
        super().__init__()
        self._decode = msgspec.msgpack.Decoder(Envelope).decode

    def __call__(self, value: bytes, *_: Any, **__: Any) -> Envelope:
        return self._decode(value)


class Lookup:
    """The stages with state: each finds out from the envelope which one it is."""

    def __init__(self, last: LastStage) -> None:
        self._last = last

    def look_up(
        self, envelope: Envelope, _key: Any, _timestamp: int, _headers: Any, state: KeyValueState
    ) -> Envelope | None:
        """Ask the entity of this stage; None: the event's id is another event's."""
        stage = len(envelope.quantities)
        if envelope.owners[stage] is None:
            envelope.quantities.append(NOBODY)
            return envelope
        past = remember(state, envelope.entries[stage], envelope.keep)
        if past.conflict and not any(envelope.owners[:stage]):  # the first entity owns the id
            self._last.set_aside(envelope.record, conflict_of(envelope.event))
            return None
        envelope.quantities.append(past.quantities)
        return envelope


def next_key(envelope: Envelope) -> bytes:
    """Key of the next stage's topic."""
    return (envelope.owners[len(envelope.quantities)] or "").encode()


def add_stages(app: Application, settings: Settings, first: FirstStage, last: LastStage) -> None:
    """Give the application its dataframes, one for each entity of the profile."""
    name = Topics(settings.namespace).transactions(settings.profile).name
    partitions = KafkaAdmin(settings).partitions()[name]
    lookup = Lookup(last)
    frame = app.dataframe(input_topic(app, settings)).apply(first.open, metadata=True)
    frame = frame.filter(is_there)
    for number, entity in enumerate(profile_spec(settings.profile).entities):
        if number:
            by_entity: Topic = app.topic(
                f"{name}-by-{entity}",
                key_serializer="bytes",
                key_deserializer="bytes",
                value_serializer=_Pack(),
                value_deserializer=_Unpack(),
                config=TopicConfig(
                    num_partitions=partitions,
                    replication_factor=1,
                    extra_config={"message.timestamp.type": "LogAppendTime"},
                ),
            )
            frame.to_topic(by_entity, key=next_key)
            frame = app.dataframe(by_entity)
        frame = frame.apply(lookup.look_up, stateful=True, metadata=True).filter(is_there)
    frame.sink(ScoringSink(last, settings.batch_max))


def main() -> None:
    """Score until SIGTERM."""
    settings = load_settings()
    set_up_logging(settings)
    first, last = both_ends(settings)
    with quix_app(settings) as app:
        add_stages(app, settings, first, last)
        sys.stderr.write("worker ready\n")
        app.run()


if __name__ == "__main__":
    main()
