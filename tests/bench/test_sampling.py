"""Which samples count as work, and for which stage."""

from __future__ import annotations

from pathlib import Path

from bench.sampling import read_stacks

_STACKS = """\
run (stream/work_thread.py:76);_go_on (stream/work_thread.py:90);finish (stream/fenced_state.py:9) 6
run (stream/work_thread.py:76);_go_on (stream/work_thread.py:90) 2
run (stream/work_thread.py:75) 50
run (stream/watchdog.py:54) 40
run_forever (asyncio/base_events.py:607);select (selectors.py:468) 90
run_forever (asyncio/base_events.py:607);_fetch (stream/transport.py:131) 2
"""


def test_threads_that_wait_are_left_out_and_the_rest_are_shared_out(tmp_path: Path) -> None:
    path = tmp_path / "stacks.txt"
    path.write_text(_STACKS)
    assert read_stacks(path).shares() == {"state": 0.6, "pipeline": 0.2, "transport": 0.2}
