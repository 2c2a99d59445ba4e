"""Callers that come together are served together, each with what is theirs."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from views.predicting.grouped import Grouped


def test_everybody_gets_their_own_in_order() -> None:
    grouped: Grouped[int, int] = Grouped(lambda items: [2 * one for one in items], 64)
    asked = [[caller * 100 + item for item in range(caller % 7)] for caller in range(300)]
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(grouped, asked))
    assert found == [[2 * one for one in items] for items in asked]


def test_those_who_wait_are_served_by_one_call_up_to_the_most() -> None:
    calls: list[list[int]] = []
    begun, go_on = threading.Event(), threading.Event()

    def work(items: list[int]) -> list[int]:
        calls.append(list(items))
        begun.set()
        assert go_on.wait(30)
        return items

    grouped: Grouped[int, int] = Grouped(work, 3)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(grouped, [0])
        assert begun.wait(30)
        others = [pool.submit(grouped, [one, one]) for one in (1, 2)] + [pool.submit(grouped, [3])]
        while len(grouped._queue) < 3:
            pass
        go_on.set()
        assert first.result() == [0]
        assert [one.result() for one in others] == [[1, 1], [2, 2], [3]]
    assert calls[0] == [0]
    assert sorted(len(one) for one in calls[1:]) in ([2, 3], [2, 2, 1])
    assert all(len(one) <= 3 for one in calls)


def test_more_than_the_most_of_one_caller_stay_together() -> None:
    calls: list[int] = []

    def work(items: list[int]) -> list[int]:
        calls.append(len(items))
        return items

    grouped: Grouped[int, int] = Grouped(work, 2)
    assert grouped(range(5)) == [0, 1, 2, 3, 4]
    assert calls == [5]


def test_an_error_reaches_its_callers_and_the_next_ones_are_served() -> None:
    fails = True

    def work(items: list[int]) -> list[int]:
        if fails:
            raise OSError("away")
        return items

    grouped: Grouped[int, int] = Grouped(work, 8)
    with pytest.raises(OSError, match="away"):
        grouped([1])
    fails = False
    assert grouped([1]) == [1]


def test_who_was_served_does_not_wait_for_the_next_call() -> None:
    begun = threading.Event()
    go_on = {one: threading.Event() for one in (0, 1, 4)}  # by the first item of a call

    def work(items: list[int]) -> list[int]:
        begun.set()
        assert go_on[items[0]].wait(30)
        return items

    grouped: Grouped[int, int] = Grouped(work, 3)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(grouped, [0])
        assert begun.wait(30)
        others = []
        for number in range(4):
            others.append(pool.submit(grouped, [number + 1]))
            while len(grouped._queue) <= number:
                pass
        go_on[0].set()
        go_on[1].set()
        assert first.result(30) == [0]
        assert [one.result(30) for one in others[:3]] == [[1], [2], [3]]
        assert not others[3].done()  # its call is still being made
        go_on[4].set()
        assert others[3].result(30) == [4]
