"""The committed position is always behind the last contiguous finished batch."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream.merge import Merged
from stream.positions import Batch, Positions


def batch(number: int) -> Batch[str]:
    return Batch([number], {"p": number + 1}, epoch=0, limit=4)


@given(order=st.permutations(range(6)))
def test_position_moves_only_past_a_finished_head(order: list[int]) -> None:
    positions: Positions[str] = Positions()
    batches = [batch(number) for number in range(6)]
    for one in batches:
        positions.hand_out(one)
    finished: set[int] = set()
    for number in order:
        positions.finish(batches[number])
        finished.add(number)
        contiguous = next(n for n in range(7) if n not in finished)
        assert positions.done.get("p", 0) == contiguous
    assert positions.outstanding == 0


def test_batch_of_a_past_assignment_moves_nothing() -> None:
    positions: Positions[str] = Positions()
    old = batch(3)
    positions.hand_out(old)
    positions.forget()
    assert not positions.finish(old)
    assert not positions.done


def test_only_a_started_unfinished_batch_is_in_work() -> None:
    positions: Positions[str] = Positions()
    one = batch(0)
    positions.hand_out(one)
    assert not positions.in_work
    one.started = True
    assert positions.in_work
    positions.finish(one)
    assert not positions.in_work


def more(room: int) -> Merged[str]:
    return Merged(list(range(room)), {"p": 100 + room, "q": room})


def test_waiting_batch_grows_as_far_as_there_is_room_and_its_position_with_it() -> None:
    one = batch(7)
    one.grow(more)
    assert one.items == [7, 0, 1, 2]
    assert one.next_offset == {"p": 103, "q": 3}
    assert not one.has_room
    one.grow(more)
    assert len(one) == 4


def test_batch_that_is_worked_on_does_not_grow() -> None:
    one = batch(7)
    one.start()
    one.grow(more)
    assert one.items == [7]
    assert one.next_offset == {"p": 8}
