"""Histories of messages, what they should amount to, and read models to take them in."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

import numpy as np
import orjson
from confluent_kafka import Producer
from hypothesis import strategies as st

from core.kafka_admin import CLIENT_LOG, ensure_topics
from core.names import PROFILES, Topics
from core.settings import Settings
from features.iso_times import iso_time
from views.counts import Dimension
from views.file.frame import Events, FrameStore
from views.periods import HOUR_MS, Bucket, Span
from views.readmodel.expiry import Expiry
from views.readmodel.incoming import Incoming, readers
from views.readmodel.intake import Intake
from views.readmodel.projector import Projector
from views.readmodel.redis_model import RedisModel
from views.readmodel.redis_store import RedisStore
from views.store import AlertFilter, Place, Record, Scorecards, Store

PROFILE = "ecommerce"
VERSION = "v1"
#: The end of a leap year's February, so that months, days and hours all end nearby.
START_MS = 1_709_164_800_000 - 30 * HOUR_MS
SPAN_HOURS = 90
_TEXTS = ("user_id", "device_id", "country", "browser", "source", "sex")


@dataclass(frozen=True)
class Message:
    """A message on its way: which topic it is for, and what it says."""

    topic: str
    body: dict[str, Any]


def score(event_id: str, time_ms: int, **fields: Any) -> dict[str, Any]:
    """A score as on the topic."""
    return {
        "event_id": event_id, "profile": PROFILE, "event_time": iso_time(time_ms),
        "score": 0.125, "decision": "allow", "amount": 10.0, "user_id": "u", "device_id": "d",
        "country": "DE", "browser": "Chrome", "source": "SEO", "sex": "F", "age": 30.0,
        "model": {"name": "m", "version": VERSION, "digest": "0"},
    } | fields  # fmt: skip


def alert(of: Mapping[str, Any], severity: str = "high") -> dict[str, Any]:
    """The alert that goes with a score."""
    shared = (
        "event_id", "profile", "event_time", "score", "decision", "amount", "user_id", "device_id",
        "country", "browser", "source", "model",
    )  # fmt: skip
    return {name: of[name] for name in shared} | {"severity": severity, "reasons": []}


def label(event_id: str, value: int, at_ms: int) -> dict[str, Any]:
    """A label as on the topic."""
    return {
        "event_id": event_id, "profile": PROFILE, "label": value, "labelled_at": iso_time(at_ms),
        "source": "test",
    }  # fmt: skip


def _pick(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


_TIMES = st.one_of(
    st.integers(0, SPAN_HOURS * HOUR_MS), st.integers(0, SPAN_HOURS).map(lambda h: h * HOUR_MS)
).map(lambda offset: START_MS + offset)


@st.composite
def _about_one(draw: st.DrawFn, event_id: str) -> list[Message]:
    of = score(
        event_id,
        draw(_TIMES),
        score=float(draw(_pick(0.1, 0.3, 0.9731))),
        decision=draw(_pick("allow", "review", "block")),
        amount=draw(_pick(0, 0.0001, 12.34, 1e9)),
        user_id=draw(_pick("u1", "u2", "unknown", None)),
        device_id=draw(_pick("d1", "d2", "d3", None)),
        country=draw(_pick("DE", "unknown", None)),
        browser=draw(_pick("Chrome", "<b>1é", None)),
        source=draw(_pick("SEO", "7Ads", None)),
        sex=draw(_pick("F", "M", None)),
        age=draw(_pick(0, 17.5, 25, 99, None)),
    )
    found = [Message("scores", of)]
    if draw(st.booleans()):
        found.append(Message("scores", of | {"score": 0.5, "amount": 3.0}))
    if of["decision"] != "allow":
        severities = draw(st.lists(_pick("low", "high"), min_size=1, max_size=2))
        found += [Message("alerts", alert(of, severity)) for severity in severities]
    for at in draw(st.lists(st.integers(0, 2), max_size=3)):
        value = draw(_pick(0, 1))
        found.append(Message("labels", label(event_id, value, START_MS + at * 10**9)))
    return found


@st.composite
def histories(draw: st.DrawFn, most: int = 12) -> list[Message]:
    """Messages about some events, in any order; all scores of an event are from the same time."""
    about = [draw(_about_one(f"e{number}é")) for number in range(draw(st.integers(0, most)))]
    messages = [one for several in about for one in several]
    return list(draw(st.permutations(messages)))


def expected(messages: Sequence[Message]) -> FrameStore:
    """A file with the events that messages are about: first score and alert, latest label."""
    scores: dict[str, dict[str, Any]] = {}
    labels: dict[str, tuple[str, int]] = {}
    alerts: dict[str, bytes] = {}
    for one in messages:
        event_id = one.body["event_id"]
        if one.topic == "scores":
            scores.setdefault(event_id, one.body)
        elif one.topic == "alerts":
            alerts.setdefault(event_id, orjson.dumps(one.body))
        elif event_id not in labels or one.body["labelled_at"] >= labels[event_id][0]:
            labels[event_id] = (one.body["labelled_at"], one.body["label"])
    rows = sorted(scores.values(), key=lambda one: (one["event_time"], one["event_id"]))
    times = [np.datetime64(one["event_time"].rstrip("Z"), "ms") for one in rows]
    return FrameStore(
        Events(
            profile=PROFILE,
            event_id=[one["event_id"] for one in rows],
            time_ms=np.array(times, "datetime64[ms]").astype(np.int64),
            amount=np.array([round(one["amount"] * 10_000) for one in rows], np.int64),
            texts={name: [one[name] for one in rows] for name in _TEXTS},
            age=np.array([one["age"] for one in rows], np.float64),
            label=np.array([labels.get(one["event_id"], ("", -1))[1] for one in rows], np.int8),
            score=np.array([one["score"] for one in rows], np.float32),
            decision=[one["decision"] for one in rows],
            alerts=alerts,
            version=VERSION,
        ),
        "expected",
    )


class Topic:
    """Messages with offsets, by topic; one partition each."""

    def __init__(self, namespace: str, messages: Sequence[Message]) -> None:
        topics = Topics(namespace)
        read = readers(namespace)
        ends: dict[str, int] = {}
        self.all: list[Incoming] = []
        for one in messages:
            name = getattr(topics, one.topic).name
            raw = orjson.dumps(one.body)
            offset = ends.get(name, 0)
            self.all.append(Incoming(read[name](raw), raw, f"{name}:0", offset))
            ends[name] = offset + 1


def take(own: Own, messages: Sequence[Incoming]) -> None:
    """One batch."""
    own.intake.take(messages, {one.where: one.offset + 1 for one in messages})


@dataclass
class Own:
    """The intake of a namespace of its own."""

    model: RedisModel
    intake: Intake

    @property
    def namespace(self) -> str:
        return self.model.namespace


def expiry_of(own: Own) -> Expiry:
    return Expiry(own.model, PROFILE, "g1")


@contextmanager
def read_model(settings: Settings, days: int = 400) -> Iterator[tuple[Own, RedisStore]]:
    """An empty read model in a namespace of its own; deleted afterwards."""
    own = settings.model_copy(update={"namespace": f"t-{uuid.uuid4().hex[:12]}"})
    model = RedisModel(own)
    store = RedisStore(own)
    model.first_generation(PROFILE, "g1")
    try:
        yield Own(model, Intake(model, PROFILE, "g1", days)), store
    finally:
        model.delete_others(PROFILE, "none")
        model.close()
        store.close()


def assert_same(found: Store, wanted: Store, spans: Sequence[Span]) -> None:
    """Both stores give the same answers."""
    assert found.extent(PROFILE) == wanted.extent(PROFILE)
    assert_same_cards(found.scorecards(PROFILE, Span()), wanted.scorecards(PROFILE, Span()))
    for span in (Span(), *spans):
        assert found.totals(PROFILE, span) == wanted.totals(PROFILE, span)
        for bucket in Bucket:
            assert found.trend(PROFILE, span, bucket) == wanted.trend(PROFILE, span, bucket)
        for dimension in Dimension:
            if dimension is not Dimension.DEVICE:
                assert found.by(PROFILE, dimension, span) == wanted.by(PROFILE, dimension, span)
        for limit in (1, 10):
            assert found.devices(PROFILE, span, limit) == wanted.devices(PROFILE, span, limit)
        for wish in _WISHES:
            assert alerts_of(found, span, wish, 3) == alerts_of(wanted, span, wish, 3)
    for device in ("d1", "d2", "d3", "none"):
        assert on_device(found, device) == on_device(wanted, device)


def assert_same_cards(found: Scorecards, wanted: Scorecards) -> None:
    assert found.last_ms == wanted.last_ms
    assert list(found.cards) == list(wanted.cards)
    for key, card in found.cards.items():
        np.testing.assert_array_equal(card, wanted.cards[key])


_WISHES = (
    AlertFilter(),
    AlertFilter(severity="low"),
    AlertFilter(device_id="unknown", label=-1),
    AlertFilter(label=1),
    AlertFilter(country="unknown", user_id="u1"),
    AlertFilter(decision="block", browser="<b>1é"),
)


def alerts_of(store: Store, span: Span, wish: AlertFilter, limit: int) -> list[Any]:
    """All pages."""
    found: list[Any] = []
    after: Place | None = None
    while True:
        page = store.alerts(PROFILE, span, wish, after, limit)
        found += [[one | {"case": None} for one in map(dict, page.alerts)], page.next]
        if page.next is None:
            return found
        after = page.next


def on_device(store: Store, device: str) -> list[Record]:
    """All events of a device, two at a time; scores as float32, whatever the store has."""
    found: list[Record] = []
    before: Place | None = None
    while records := store.on_device(PROFILE, device, before, 2):
        found += [replace(one, score=float(np.float32(one.score or 0))) for one in records]
        before = records[-1].place
    return found


def many(events: int, seed: int) -> list[Message]:
    """Messages about many events, in a random order: repeats, corrections and all."""
    random = np.random.default_rng(seed)
    messages: list[Message] = []
    for number in range(events):
        event_id = f"e{number}"
        of = score(
            event_id,
            START_MS + int(random.integers(SPAN_HOURS * HOUR_MS)),
            decision=str(random.choice(["allow", "allow", "review", "block"])),
            amount=int(random.integers(1_000_000)) / 10_000,
            user_id=f"u{random.integers(200)}",
            device_id=f"d{random.integers(3 + events // 20)}",
            country=str(random.choice(["DE", "FR", "unknown"])),
            age=float(random.integers(16, 80)),
        )
        messages += [Message("scores", of)] * int(random.integers(1, 3))
        if of["decision"] != "allow":
            messages += [Message("alerts", alert(of))] * int(random.integers(1, 3))
        for _ in range(random.integers(3)):
            at = START_MS + int(random.integers(10)) * 10**8
            messages.append(Message("labels", label(event_id, int(random.integers(2)), at)))
    return [messages[row] for row in random.permutation(len(messages))]


def produce(settings: Settings, messages: Sequence[Message], partitions: int = 4) -> None:
    """Send messages; those of an event in their order."""
    topics = Topics(settings.namespace)
    ensure_topics(settings, [topics.scores, topics.alerts, topics.labels], partitions)
    producer = Producer(
        {**settings.confluent_config(), "enable.idempotence": True, "linger.ms": 20},
        logger=CLIENT_LOG,
    )
    failed: list[Any] = []
    for one in messages:
        event_id = one.body["event_id"]
        producer.produce(
            getattr(topics, one.topic).name,
            orjson.dumps(one.body),
            event_id,
            crc32(event_id.encode()) % partitions,
            lambda error, _: failed.append(error) if error else None,
        )
        producer.poll(0)
    assert producer.flush(30) == 0
    assert not failed


def taken_in(settings: Settings) -> int:
    """How many messages the read model has taken in."""
    model = RedisModel(settings)
    try:
        offsets = [model.ask(profile)[0].offsets for profile in PROFILES]
    finally:
        model.close()
    return min(sum(one.values()) for one in offsets)


def wait_for(settings: Settings, messages: int, timeout_s: float = 60.0) -> None:
    """Until so many messages of any topic are taken in."""
    deadline = time.monotonic() + timeout_s
    while (found := taken_in(settings)) < messages:
        assert time.monotonic() < deadline, f"{found} of {messages} messages are taken in"
        time.sleep(0.05)


@contextmanager
def projecting(settings: Settings) -> Iterator[Projector]:
    """A projector at work in a thread."""
    stop = threading.Event()
    projector = Projector(settings, lambda: not stop.is_set())
    thread = threading.Thread(target=projector.run)
    thread.start()
    try:
        yield projector
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()
