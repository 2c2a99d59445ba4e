"""What the Quix Streams contenders have in common: the application's settings, its input.

Quix commits by checkpoints: it flushes the sinks, flushes its own producer, commits the offsets and
flushes its state. So a sink whose ``flush`` returns only when all outcomes are delivered gives
at-least-once processing.
"""

from __future__ import annotations

from pathlib import Path

from quixstreams import Application
from quixstreams.kafka import ConnectionConfig
from quixstreams.models import Topic

from core.names import Topics, worker_group
from core.settings import Settings

#: Time between checkpoints. Each stops everything for some milliseconds; a batch that no further
#: event closes waits for the next one.
_COMMIT_S = 0.25
#: How long to wait for a message before looking whether the checkpoint is due.
_POLL_S = 0.005


def quix_app(settings: Settings, state: Path | None = None) -> Application:
    """An application for the settings' profile and namespace.

    Args:
        settings: as of the worker.
        state: folder of its RocksDB, where it has one.
    """
    return Application(
        broker_address=ConnectionConfig.from_librdkafka_dict(
            settings.confluent_config(), ignore_extras=True
        ),
        consumer_group=worker_group(settings.namespace, settings.profile),
        auto_offset_reset="earliest",
        commit_interval=_COMMIT_S,
        consumer_poll_timeout=_POLL_S,
        state_dir=state,
        loglevel="WARNING",
        # Those of the worker's publisher, for what goes between stages.
        producer_extra_config={"linger.ms": 2, "compression.type": "lz4"},
    )


def input_topic(app: Application, settings: Settings) -> Topic:
    """The events as they came, their bytes untouched."""
    name = Topics(settings.namespace).transactions(settings.profile).name
    return app.topic(name, key_deserializer="bytes", value_deserializer="bytes")
