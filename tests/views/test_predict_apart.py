"""Predictions by another process: the same ones, and none lost for good when it dies."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest
from pydantic import SecretStr

from core.errors import DataError, RejectedEvent, StateError
from core.settings import Settings
from features.countries import load_country_table
from features.known import country_codes
from features.online import VelocityState
from features.open_wire import open_wire
from producer.encode import encode_events
from tests.servers.own_redis import OwnRedis
from tests.stream.conftest import put_small_model
from tests.stream.forked import ROOT, bare_environment
from tests.stream.test_worker import events
from tests.stream.workers import environment_of
from tests.views.world import NOW_MS
from views.predicting.past import LivePast
from views.predicting.predict import Predictor
from views.predicting.predict_apart import PredictorApart
from views.predicting.prediction import NoChampionError

pytestmark = pytest.mark.integration
BATCH = events(120, seed=12)
BODIES = encode_events(BATCH)
PROGRAM = """
import time
from core.settings import load_settings
from views.predicting.predict_apart import PredictorApart
predictor = PredictorApart(load_settings())
print(predictor.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def ready(settings: Settings) -> Settings:
    put_small_model(settings)
    countries = load_country_table(None)
    state = VelocityState(open_wire(settings.redis.get_secret_value()), settings.namespace,
                          "ecommerce")  # fmt: skip
    state.step(BATCH.take(range(100)), country_codes(BATCH.take(range(100)), countries))
    return settings


@pytest.fixture
def apart(ready: Settings) -> Iterator[PredictorApart]:
    predictor = PredictorApart(ready)
    yield predictor
    predictor.close()


def said(found: object) -> object:
    """What is to be compared of an outcome."""
    if isinstance(found, RejectedEvent):
        return (found.code, found.field, found.message)
    return found


def test_it_says_what_one_in_this_process_says(ready: Settings, apart: PredictorApart) -> None:
    here = Predictor(ready, load_country_table(None), LivePast(ready))
    sent = [*BODIES, b"{}", BODIES[0].replace(b'"purchase_value":', b'"purchase_value":1')]
    wanted = [said(one) for one in here.predict("ecommerce", sent, NOW_MS)]
    assert sum(isinstance(one, tuple) for one in wanted) == 2
    assert [said(one) for one in apart.predict("ecommerce", sent, NOW_MS)] == wanted
    together: dict[int, object] = {}

    def ask(first: int) -> None:
        for row in range(first, len(sent), 4):
            together[row] = said(apart.predict("ecommerce", [sent[row]], NOW_MS)[0])

    threads = [threading.Thread(target=ask, args=(first,)) for first in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert [together[row] for row in range(len(sent))] == wanted
    with pytest.raises(NoChampionError, match="fraudstream train"):
        apart.predict("banking", [b"{}"], NOW_MS)


def test_what_keeps_it_from_starting_is_what_its_caller_gets(ready: Settings) -> None:
    table = ready.models.parent / "table.csv"
    table.write_text("neither,nor\n")
    with pytest.raises(DataError, match="not a table of IP ranges"):
        PredictorApart(ready.model_copy(update={"ip_table": table}))


def test_without_redis_there_is_no_prediction_until_it_is_back(
    ready: Settings, own_redis: OwnRedis
) -> None:
    predictor = PredictorApart(ready.model_copy(update={"redis": SecretStr(own_redis.url)}))
    try:
        predictor.predict("ecommerce", BODIES[:1], NOW_MS)
        own_redis.kill()
        with pytest.raises(StateError, match="FRAUDSTREAM_REDIS"):
            predictor.predict("ecommerce", BODIES[:1], NOW_MS)
        own_redis.start()
        assert len(predictor.predict("ecommerce", BODIES[:1], NOW_MS)) == 1
    finally:
        predictor.close()


def test_one_that_dies_is_started_again(
    apart: PredictorApart, caplog: pytest.LogCaptureFixture
) -> None:
    wanted = apart.predict("ecommerce", BODIES, NOW_MS)
    first = apart.pid
    assert first is not None
    with caplog.at_level(logging.ERROR):
        os.kill(first, signal.SIGKILL)
        deadline = time.monotonic() + 60
        with pytest.raises(StateError, match="try again"):
            apart.predict("ecommerce", BODIES, NOW_MS)
        found = None
        while found is None:
            assert time.monotonic() < deadline
            time.sleep(0.1)
            with suppress(StateError):
                found = apart.predict("ecommerce", BODIES, NOW_MS)
    assert found == wanted
    assert apart.pid != first
    assert caplog.text.count("started again in") == 1


def test_it_ends_with_the_one_that_it_works_for(ready: Settings) -> None:
    for end in (signal.SIGKILL, signal.SIGTERM):
        process = subprocess.Popen(
            [sys.executable, "-c", f"if __name__ == '__main__':\n{_indented(PROGRAM)}"],
            env=bare_environment(**environment_of(ready)), cwd=ROOT, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        child = psutil.Process(int(process.stdout.readline()))
        process.send_signal(end)
        process.wait(20)
        process.stdout.close()
        child.wait(20)


def _indented(program: str) -> str:
    return "".join(f"    {line}\n" for line in program.strip().splitlines())
