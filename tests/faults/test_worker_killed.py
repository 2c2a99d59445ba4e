"""Workers that die at any moment."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tests.faults.checks import assert_run_was_exact, assert_run_was_serial
from tests.faults.conftest import NewStage
from tests.faults.scale import scaled
from tests.faults.stage import PACED, Stage
from tests.stream.test_worker import events

KILLS = scaled(20)
#: How long a worker lives once it is ready; it first waits until its predecessor is given up.
LIFE_S = (0.5, 6.0)
VERY_IMPATIENT = {"broker_session_timeout": 1.5, "broker_heartbeat_interval": 0.4}


def test_workers_killed_twenty_times_lose_nothing_and_double_nothing(new_stage: NewStage) -> None:
    stage = new_stage()
    batch = events(scaled(15_000), seed=21)
    watch = stage.watch_commits()
    over = threading.Event()
    places = ThreadPoolExecutor(2)
    killed = [places.submit(_keep_killing, stage, number, over) for number in range(2)]
    # Events keep coming, so that there is work whenever a worker dies.
    parts = np.array_split(np.arange(len(batch)), 150)
    for part in parts:
        stage.publish(batch.take(part))
        if over.wait(0.4):
            break
    for place in killed:
        place.result()
    done = int(part[-1]) + 1
    stage.publish(batch.take(range(done, len(batch))))
    for number in range(2):
        stage.start(f"last-{number}")
    stage.await_drained()
    outcomes = stage.outcomes()
    assert_run_was_serial(stage.settings, stage.oracle(batch), outcomes)
    watch.assert_commits_followed_outcomes(outcomes)
    assert watch.observations > KILLS, "too little was done between the deaths"
    assert outcomes.repeated, "no worker died between an outcome and its commit"


def _keep_killing(stage: Stage, number: int, over: threading.Event) -> None:
    """One of two places for a worker, in which each dies in its turn."""
    rng = np.random.default_rng(number)
    try:
        for turn in range(KILLS // 2):
            worker = stage.start(f"killed-{number}-{turn}", VERY_IMPATIENT, batch_max=32)
            worker.await_text("worker ready")
            time.sleep(rng.uniform(*LIFE_S))
            assert worker.lives, worker.said()
            worker.kill()
    finally:
        over.set()


def test_one_worker_after_another_killed_gives_the_features_of_offline(
    new_stage: NewStage,
) -> None:
    stage = new_stage()
    batch = events(scaled(8_000), seed=22)
    stage.publish(batch)
    for turn in range(4):
        worker = stage.start(f"killed-{turn}", batch_max=32, poor=PACED)
        stage.await_scored((turn + 1) * len(batch) // 6)
        worker.kill()
        assert stage.scored() < len(batch), "the worker was too fast to be killed at work"
    stage.start("last")
    stage.await_drained()
    assert_run_was_exact(stage.settings, stage.oracle(batch), stage.outcomes())
