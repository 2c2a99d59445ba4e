"""What a benchmark of workers needs: servers of its own, events in order, a model."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from bench.results_file import say
from bench.runs import Bench
from core.settings import Settings, load_settings
from features.csv_source import read_transactions
from producer.sample import SampleOptions, write_sample
from stack.local import LocalStack

_TRAINING_ROWS = 60_000


@contextmanager
def local_bench(
    folder: Path,
    csv: Path | None,
    profile: str,
    events: int,
    partitions: int,
    models: Path | None,
    commands: Mapping[str, list[str]],
) -> Iterator[Bench]:
    """Kafka and Redis, with a model and events; everything is gone afterwards.

    Args:
        folder: an empty one.
        csv: events; None: generate a sample.
        profile: ecommerce or banking.
        events: at most so many are used.
        partitions: of the input topic.
        models: registry; None: train a model, on the file or on a sample of moderate size.
        commands: contender → what starts it.
    """
    stack = LocalStack(folder / "stack", prometheus=False)
    try:
        addresses = stack.up(say)
        settings = load_settings(
            kafka=addresses.kafka,
            redis=addresses.redis,
            profile=profile,
            models=models or folder / "models",
        )
        if models is None:
            train_on = csv or _sample(folder, profile, min(events, _TRAINING_ROWS))
            say(f"training a model on {train_on.name} …")
            _train(train_on, settings)
        csv = csv or _sample(folder, profile, events)
        batch = read_transactions(csv, profile, rejects=folder / "rejects.csv").batch
        servers = {
            {"kafka": "broker"}.get(one.name, one.name): psutil.Process(one.pid)
            for one in stack.status()
            if one.pid is not None
        }
        batch = batch.take(batch.in_total_order()[:events])
        yield Bench(settings, batch, partitions, servers, folder, commands)
    finally:
        stack.down(wipe=True)


def _sample(folder: Path, profile: str, events: int) -> Path:
    path = folder / f"sample-{events}.csv"
    write_sample(path, SampleOptions(profile=profile, rows=events, seed=1))
    return path


def _train(csv: Path, settings: Settings) -> None:
    command = ["train", str(csv), "--profile", settings.profile, "--quick", "--promote"]
    subprocess.run(
        [sys.executable, "-m", "cli", *command],
        env={**os.environ, "FRAUDSTREAM_MODELS": str(settings.models)},
        check=True,
        stdout=subprocess.DEVNULL,
    )
