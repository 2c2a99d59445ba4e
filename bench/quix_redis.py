"""A peer: Quix Streams event by event, with the worker's state in Redis.

Each event is decoded, put into the logs of its entities and compared with their pasts as it comes,
in one round trip to Redis. Only what comes after the state, features and scores, is done for
micro-batches. Run as ``python -m bench.quix_redis`` in the environment of
``bench.quix_environment``.
"""

from __future__ import annotations

import sys

from bench.last_stage import LastStage
from bench.quix_app import input_topic, quix_app
from bench.quix_stages import Envelope, ScoringSink, both_ends, conflict_of, is_there
from bench.redis_logs import RedisLogs
from core.logs import set_up_logging
from core.settings import load_settings
from features.open_wire import open_wire


class Lookup:
    """The stage with the state."""

    def __init__(self, logs: RedisLogs, last: LastStage) -> None:
        self._logs = logs
        self._last = last

    def look_up(self, envelope: Envelope) -> Envelope | None:
        """Ask the event's entities; None: its id is another event's."""
        quantities = self._logs.remember(envelope.owners, envelope.entries, envelope.keep)
        if quantities is None:
            self._last.set_aside(envelope.record, conflict_of(envelope.event))
            return None
        envelope.quantities = quantities
        return envelope


def main() -> None:
    """Score until SIGTERM."""
    settings = load_settings()
    set_up_logging(settings)
    first, last = both_ends(settings)
    wire = open_wire(settings.redis.get_secret_value())
    wire.check_policy()
    lookup = Lookup(RedisLogs(wire, settings.namespace, settings.profile), last)
    with quix_app(settings) as app:
        frame = app.dataframe(input_topic(app, settings)).apply(first.open, metadata=True)
        frame = frame.filter(is_there).apply(lookup.look_up).filter(is_there)
        frame.sink(ScoringSink(last, settings.batch_max))
        sys.stderr.write("worker ready\n")
        app.run()


if __name__ == "__main__":
    main()
