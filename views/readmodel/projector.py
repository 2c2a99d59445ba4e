"""From the topics into the read model: a consumer group that keeps its offsets with its counts.

Promise: whatever is killed when, and however many projectors there are, each message is taken in
exactly once. The offsets in Redis decide (``views.readmodel.intake``); those committed to Kafka are
for people and tools that look at the group's lag. Redis or Kafka away stops it for as long; it goes
on by itself. A message that cannot be read is counted, told of once for each reason, and left out.

Where the topics no longer reach back to what comes next, the read model is complete only from the
first event that is still there; it says so.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Sequence
from functools import partial

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from core.kafka_admin import CLIENT_LOG, ensure_topics, no_broker
from core.names import PROFILES, Topic, Topics, views_group
from core.settings import Settings
from views.readmodel.expiry import Expiry
from views.readmodel.heartbeat import GONE_S, Heartbeat, encode, read_beats
from views.readmodel.holding import Abandoned, Holding
from views.readmodel.intake import GenerationGone, Intake
from views.readmodel.redis_model import RedisModel
from views.readmodel.sorting import Sorter

_log = logging.getLogger(__name__)

_FETCH = 1_000
_POLL_S = 0.2
#: So often it says how it does, and commits to Kafka.
_BEAT_S = 2.0
#: After so long without a sign of life others get its partitions; brokers allow no less.
_SESSION_MS = 6_000
#: So many messages may wait, here and elsewhere, while the horizon moves.
_CAUGHT_UP = 10_000
#: So often something is deleted between two fetches, to keep up with what comes in.
_STEPS = 4
#: librdkafka says once a second that a broker does not answer.
_TROUBLE_S = 5.0


def run_projector(
    settings: Settings,
    keep_going: Callable[[], bool],
    *,
    rebuild: bool = False,
    member: str = "",
) -> None:
    """Keep the read model of a namespace up until ``keep_going`` says no.

    Args:
        settings: where Kafka and Redis are, the namespace, and how long records are kept.
        keep_going: asked several times a second.
        rebuild: whether the read model is made anew first, while the old one answers.
        member: a name of this projector's own; one that is started again under it need not wait
            until the group has noticed that the one before is gone.
    """
    if rebuild:
        from views.readmodel.rebuild import rebuild as make_anew

        try:
            make_anew(settings, _log.info, keep_going)
        except Abandoned:
            return
    Projector(settings, keep_going, member).run()


def read_topics(settings: Settings) -> list[Topic]:
    """The topics that the read model is made from."""
    topics = Topics(settings.namespace)
    return [topics.scores, topics.alerts, topics.labels]


class Projector:
    """Takes messages in until it is told to stop; used by one thread.

    Attributes:
        sorter: counts what was taken in, by profile, and what could not be read.
        lag: topic → messages of its partitions here that are not taken in yet.

    Args:
        settings: where Kafka and Redis are, the namespace, and how long records are kept.
        keep_going: asked several times a second.
        member: as in ``run_projector``.
    """

    def __init__(
        self, settings: Settings, keep_going: Callable[[], bool], member: str = ""
    ) -> None:
        self._settings = settings
        self._keep_going = keep_going
        self._model = RedisModel(settings)
        self._member = {"group.instance.id": member} if member else {}
        self._who = uuid.uuid4().hex[:12]
        self._holding = Holding(keep_going, self._say)
        self._said = ""
        self._kafka_trouble = ("", 0.0)
        self._expiries: list[Expiry] = []
        self._assigned_anew = False
        self._beaten = 0.0
        self.sorter = Sorter(settings.namespace)
        self.lag: dict[str, int] = {}

    def run(self) -> None:
        """Work until ``keep_going`` says no."""
        try:
            self._holding.call(lambda: ensure_topics(self._settings, read_topics(self._settings)))
            while self._keep_going():
                try:
                    self._session()
                except GenerationGone:
                    _log.info("another generation of the read model answers now")
        except Abandoned:
            pass
        finally:
            self._model.close()

    def _session(self) -> None:
        """Work on the generations that answer now, for as long as they do."""
        generations = {one: self._holding.call(partial(self._serving, one)) for one in PROFILES}
        days = self._settings.views_days
        self.sorter.write_to(
            {one: Intake(self._model, one, name, days) for one, name in generations.items()}
        )
        self.sorter.catch_up(True)
        self._expiries = [Expiry(self._model, one, name) for one, name in generations.items()]
        consumer = self._consumer()
        try:
            while self._keep_going():
                self._round(consumer)
            self._holding.call(self.sorter.settle)
            self._beat(consumer, last=True)
        finally:
            consumer.close()

    def _serving(self, profile: str) -> str:
        self._model.first_generation(profile, uuid.uuid4().hex[:8])
        return self._model.ask(profile)[0].serving

    def _consumer(self) -> Consumer:
        consumer = Consumer(
            {
                **self._settings.confluent_config(),
                "group.id": views_group(self._settings.namespace),
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "reconnect.backoff.max.ms": 1_000,
                "fetch.wait.max.ms": 100,
                "session.timeout.ms": _SESSION_MS,
                "heartbeat.interval.ms": _SESSION_MS // 3,
                **self._member,
                "error_cb": self._client_error,
            },
            logger=CLIENT_LOG,
        )
        names = [topic.name for topic in read_topics(self._settings)]
        consumer.subscribe(names, on_assign=self._assigned, on_revoke=self._revoked)
        return consumer

    def _round(self, consumer: Consumer) -> None:
        messages = consumer.consume(_FETCH, _POLL_S)
        if self._assigned_anew:
            # Some may be from before, and some from behind them: all are read again.
            self._assigned_anew = False
            consumer.assign(self._starts())
        elif messages:
            good = self._good(messages)
            self._holding.call(lambda: self.sorter.take(good))
        for expiry in self._expiries:
            for _ in range(_STEPS):
                if not self._holding.call(expiry.step):
                    break
        if time.monotonic() - self._beaten > _BEAT_S:
            self._holding.call(self.sorter.settle)
            self._beat(consumer)

    def _good(self, messages: Sequence[Message]) -> list[Message]:
        """Those that are no errors."""
        for message in messages:
            error = message.error()
            if error is not None:
                self._client_error(error)
        return [message for message in messages if message.error() is None]

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        wheres = [(one.topic, one.partition) for one in partitions]
        self._holding.call(lambda: self.sorter.start(wheres))
        self._assigned_anew = True
        consumer.assign(self._starts())

    def _revoked(self, _: Consumer, __: list[TopicPartition]) -> None:
        self.sorter.next.clear()

    def _starts(self) -> list[TopicPartition]:
        return [TopicPartition(*where, offset) for where, offset in self.sorter.next.items()]

    def _beat(self, consumer: Consumer, *, last: bool = False) -> None:
        """Say how it does, in Redis and to Kafka."""
        self._beaten = time.monotonic()
        starts = self._starts()
        lag = {topic.name: 0 for topic in read_topics(self._settings)}
        is_known = True
        for one in starts:
            _, end = consumer.get_watermark_offsets(one, cached=True)
            is_known = is_known and end >= 0
            lag[one.topic] += max(0, end - one.offset)
        self.lag = lag
        if starts:
            try:
                consumer.commit(offsets=starts, asynchronous=not last)
            except KafkaException as error:
                self._client_error(error.args[0])
        beat = encode(Heartbeat(time.time(), lag, self._trouble()))
        self._holding.call(lambda: self._model.beat(self._who, beat))
        others = read_beats(self._holding.call(self._model.beats))
        gone = [who for who, other in others.items() if time.time() - other.at > GONE_S]
        if gone:
            self._holding.call(lambda: self._model.lost_beats(gone))
        waiting = sum(sum(one.lag.values()) for one in others.values() if one.is_fresh)
        self.sorter.catch_up(not is_known or waiting > _CAUGHT_UP)

    def _trouble(self) -> str:
        trouble, since = self._kafka_trouble
        return trouble if time.monotonic() - since < _TROUBLE_S else self.sorter.trouble

    def _client_error(self, error: KafkaError) -> None:
        if error.code() in {KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT}:
            text = str(no_broker(self._settings))
        else:
            text = f"Kafka at {self._settings.kafka}: {error.str()}"
        if time.monotonic() - self._kafka_trouble[1] > _TROUBLE_S:
            _log.warning("%s", text)
        self._kafka_trouble = (text, time.monotonic())

    def _say(self, trouble: str) -> None:
        """Tell of an outage once, and of its end."""
        if trouble and not self._said:
            _log.warning("the projector waits: %s", trouble)
        elif self._said and not trouble:
            _log.info("the projector goes on")
        self._said = trouble
