"""What counts once, what waits, what is too old; batches make no difference to any of it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from core.names import DAY_MS
from core.settings import Settings
from tests.views.read_model import (
    PROFILE,
    START_MS,
    Message,
    Topic,
    alert,
    alerts_of,
    expiry_of,
    histories,
    label,
    read_model,
    score,
    take,
)
from views.counts import Counts, Dimension
from views.periods import HOUR_MS, Bucket, Span
from views.readmodel.redis_store import RedisStore
from views.store import AlertFilter, SpanError


def everything(store: RedisStore) -> object:
    """Answers to compare."""
    return (
        store.extent(PROFILE),
        store.trend(PROFILE, Span(), Bucket.HOUR),
        [store.by(PROFILE, one, Span()) for one in Dimension if one is not Dimension.DEVICE],
        store.devices(PROFILE, Span(), 10),
        alerts_of(store, Span(), AlertFilter(), 5),
        [store.on_device(PROFILE, device, None, 100) for device in ("d1", "d2", "d3")],
    )


@given(messages=histories(8), days=st.integers(1, 3), cuts=st.lists(st.integers(0, 40)))
@examples(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_batches_make_no_difference_while_records_expire(
    settings: Settings, messages: list[Message], days: int, cuts: Sequence[int]
) -> None:
    topic = Topic("x", messages).all
    with read_model(settings, days) as whole, read_model(settings, days) as cut:
        take(whole[0], topic)
        for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(topic)], strict=True):
            take(cut[0], topic[begin:end])
            while expiry_of(cut[0]).step():
                pass
        assert everything(cut[1]) == everything(whole[1])
        while expiry_of(whole[0]).step():
            pass
        assert everything(cut[1]) == everything(whole[1])
        assert cut[1].counted(PROFILE) == whole[1].counted(PROFILE)


def one_by_one(
    settings: Settings, days: int, messages: Sequence[Message]
) -> tuple[dict[str, int], Counts]:
    with read_model(settings, days) as (intake, store):
        for one in Topic("x", messages).all:
            take(intake, [one])
        return dict(store.counted(PROFILE)), store.totals(PROFILE, Span())


def test_the_first_score_counts_and_the_latest_label(settings: Settings) -> None:
    of = score("a", START_MS, amount=2.5, decision="block")
    found = one_by_one(
        settings,
        400,
        [
            Message("labels", label("a", 1, START_MS + 5)),
            Message("labels", label("a", 0, START_MS + 4)),
            Message("scores", of),
            Message("scores", of | {"amount": 7.0, "decision": "allow"}),
            Message("alerts", alert(of)),
            Message("alerts", alert(of)),
        ],
    )
    assert found[0] == {"applied": 3, "repeated": 3}
    assert found[1] == Counts(1, 1, 1, 1, 1, 1, 25_000, 25_000, 25_000)
    corrected = one_by_one(
        settings,
        400,
        [
            Message("scores", of),
            Message("labels", label("a", 1, START_MS + 5)),
            Message("labels", label("a", 0, START_MS + 5)),  # of the same moment, but later
        ],
    )
    assert corrected[1] == Counts(1, 1, 1, 0, 1, 0, 25_000, 25_000, 0)


def test_what_is_behind_the_horizon_is_counted_as_unmatched(settings: Settings) -> None:
    old = score("old", START_MS, decision="review")
    found = one_by_one(
        settings,
        1,
        [
            Message("scores", old),
            Message("labels", label("waits", 1, START_MS + 1)),
            Message("scores", score("new", START_MS + 2 * DAY_MS)),
            Message("scores", old),
            Message("scores", score("other", START_MS + 5)),
            Message("alerts", alert(old)),
            Message("labels", label("old", 1, START_MS + HOUR_MS)),
        ],
    )
    assert found[0] == {
        "applied": 3, "unmatched:score": 2, "unmatched:alert": 1, "unmatched:label": 1,
    }  # fmt: skip
    assert found[1].transactions == 2
    assert found[1].labelled == 0


def test_sums_outlive_records(settings: Settings) -> None:
    old = [
        score(f"o{n}", START_MS + n * HOUR_MS // 3, decision="review", device_id="d1")
        for n in range(200)
    ]
    messages = [Message("scores", one) for one in old] + [
        Message("alerts", alert(one)) for one in old
    ]
    messages += [Message("labels", label("waits", 1, START_MS + 3))]
    with read_model(settings, 1) as (intake, store):
        topic = Topic("x", messages).all
        take(intake, topic)
        before = store.trend(PROFILE, Span(), Bucket.DAY)
        keys_before = keys(settings, intake.namespace)
        new = Topic("y", [Message("scores", score("new", START_MS + 40 * DAY_MS, device_id="d2"))])
        take(intake, new.all)
        while expiry_of(intake).step():
            pass
        assert store.trend(PROFILE, Span(None, START_MS + 9 * DAY_MS), Bucket.DAY) == before
        assert store.counted(PROFILE)["unmatched:label"] == 1
        assert store.alerts(PROFILE, Span(), AlertFilter(), None, 5).alerts == []
        assert store.alert(PROFILE, "o1") is None
        assert store.on_device(PROFILE, "d1", None, 5) == []
        assert store.devices(PROFILE, Span(), 5) == []
        with pytest.raises(SpanError, match="devices are kept from"):
            store.devices(PROFILE, Span(START_MS), 5)
        with pytest.raises(SpanError, match="ask from or to"):
            store.totals(PROFILE, Span(START_MS + 2 * HOUR_MS + 1))
        hours = Span(START_MS + 2 * HOUR_MS, START_MS + 3 * HOUR_MS)
        assert store.totals(PROFILE, hours).alerts == 3
        gone = {"r", "i", "d", "a", "x", "kh", "kd", "km"}
        assert gone & keys_before == gone - {"kd", "km"} | {"kd", "km"}
        # What is left is the one new event's: no alert, no device with any.
        assert keys(settings, intake.namespace) & gone == {"r", "i", "d"}


def keys(settings: Settings, namespace: str) -> set[str]:
    """Kinds of the keys in a namespace."""
    import redis

    with redis.Redis.from_url(settings.redis.get_secret_value()) as client:
        found = client.scan_iter(match=f"{namespace}:*", count=10_000)
        return {one.decode().rpartition("g1:")[2].partition(":")[0] for one in found}
