from __future__ import annotations

from bench.micro_batch import MicroBatch


def test_a_batch_closes_when_it_is_full() -> None:
    batch = MicroBatch[int](3, wait_s=60)
    assert [batch.add(one) for one in range(4)] == [[], [], [0, 1, 2], []]
    assert batch.close() == [3]
    assert batch.close() == []


def test_a_batch_closes_with_the_first_event_after_its_time() -> None:
    batch = MicroBatch[int](100, wait_s=0)
    assert batch.add(1) == [1]
