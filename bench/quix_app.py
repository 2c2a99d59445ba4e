"""What the Quix Streams contenders have in common: the application's settings, its input.

Quix commits by checkpoints: it flushes the sinks, flushes its own producer, commits the offsets and
flushes its state. So a sink whose ``flush`` returns only when all outcomes are delivered gives
at-least-once processing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from quixstreams import Application
from quixstreams.kafka import ConnectionConfig
from quixstreams.models import Topic

from core.names import Topics, worker_group
from core.settings import Settings
from stream.publish import PRODUCER_CONFIG

#: Time between checkpoints. Each stops everything for some milliseconds; a batch that no further
#: event closes waits for the next one.
_COMMIT_S = 0.25
#: How long to wait for a message before looking whether the checkpoint is due.
_POLL_S = 0.005


@contextmanager
def quix_app(settings: Settings) -> Iterator[Application]:
    """An application for the settings' profile and namespace.

    Its state folder, which Quix makes even where nothing is kept in it, is gone afterwards.
    """
    with tempfile.TemporaryDirectory() as state:
        yield _application(settings, state)


def _application(settings: Settings, state: str) -> Application:
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
        # As the worker's publisher, for what goes between stages.
        producer_extra_config={
            name: PRODUCER_CONFIG[name] for name in ("linger.ms", "compression.type")
        },
    )


def input_topic(app: Application, settings: Settings) -> Topic:
    """The events as they came, their bytes untouched."""
    name = Topics(settings.namespace).transactions(settings.profile).name
    return app.topic(name, key_deserializer="bytes", value_deserializer="bytes")
