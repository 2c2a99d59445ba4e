"""Steps that begin before the one ahead of them is finished: nothing changes by that."""

from __future__ import annotations

import pytest
import redis
from hypothesis import given

from features.batch import EventBatch
from features.open_wire import open_wire
from features.wire import pack
from tests.features.events import START, arrivals, as_oracle, country_of, make_batch, micro_batches
from tests.features.states import FreshStates, against_redis, assert_same_quantities, cut, joined

pytestmark = pytest.mark.integration


@against_redis(100)
@given(batch=arrivals(), sizes=micro_batches())
def test_overlapped_steps_equal_steps_one_after_another(
    batch: EventBatch, sizes: list[int], fresh_state: FreshStates
) -> None:
    apart, overlapped = fresh_state(batch.profile), fresh_state(batch.profile)
    expected = apart.put(batch, sizes)
    country = country_of(batch)
    pieces = cut(len(batch), sizes)
    begun = overlapped.state.begin(batch.take(pieces[0]), country[pieces[0]])
    found = []
    for rows in pieces[1:]:
        ahead = overlapped.state.begin(batch.take(rows), country[rows])
        found.append(overlapped.state.finish(begun).quantities)
        # As a compaction would: while the replies of the step ahead wait.
        assert overlapped.wire.execute([(b"ECHO", b"between")]) == [b"between"]
        begun = ahead
    found.append(overlapped.state.finish(begun).quantities)
    assert_same_quantities(joined(found), expected)


def test_what_a_step_withdraws_is_not_seen_by_the_one_begun_meanwhile(
    fresh_state: FreshStates,
) -> None:
    def events(ids: list[str], amount: int, device: str) -> EventBatch:
        n = len(ids)
        times = [START + 1000 * row for row in range(n)]
        return make_batch(ids, times, [amount] * n, ["u"] * n, [device] * n, [None] * n)

    state = fresh_state().state
    first, wrong = events(["a"], 10_000, "d"), events(["a"], 20_000, "e")
    after = events(["b", "c"], 30_000, "e")
    state.step(first, country_of(first))
    begun = state.begin(wrong, country_of(wrong))
    ahead = state.begin(after, country_of(after))
    assert state.finish(begun).conflict.all()
    device = state.finish(ahead).quantities["device"]
    seen = [as_oracle(row) for row in device]
    assert [one["count_1m"] for one in seen if one] == [0, 1]
    assert [one["spend_1m"] for one in seen if one] == [0, 30_000]


def test_replies_may_be_asked_for_in_any_order(fresh_state: FreshStates) -> None:
    wire = open_wire(fresh_state.url)
    calls = [wire.send([b"k"], [pack([(b"ECHO", b"%d" % number)])], [1]) for number in range(3)]
    assert [wire.receive(calls[number]) for number in (1, 0, 2)] == [[b"1"], [b"0"], [b"2"]]
    wire.close()


def test_calls_whose_connection_broke_fail_and_the_next_one_does_not(
    fresh_state: FreshStates,
) -> None:
    wire = open_wire(fresh_state.url)
    (number,) = wire.execute([(b"CLIENT", b"ID")])
    never = wire.send([b"k"], [pack([(b"BLPOP", b"no such key", b"0")])], [1])
    behind = wire.send([b"k"], [pack([(b"ECHO", b"behind")])], [1])
    with redis.Redis.from_url(fresh_state.url) as other:
        other.execute_command("CLIENT", "KILL", "ID", number)
    for call in (behind, never):
        with pytest.raises(redis.ConnectionError):
            wire.receive(call)
    assert wire.execute([(b"ECHO", b"again")]) == [b"again"]
    wire.close()
