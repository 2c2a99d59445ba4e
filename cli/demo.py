"""``fraudstream demo``: the whole path on one machine, ending with what came of it.

1. Start the local stack, less the servers that FRAUDSTREAM_KAFKA or FRAUDSTREAM_REDIS name;
   meanwhile,
2. make a synthetic sample; train on the first 60 % of its time (once; the model is kept).
3. Start a worker in a namespace of the demo's own.
4. Replay the unseen rest: first at full speed, then 20 s at 500 events/s; labels a day later.
5. Read the outcomes back from the topics, compare them with the labels, write the summary.
6. Start the views, and wait until they have counted everything.

Nothing of it is seen in the live namespace. What the demo started, it stops.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from cli.demo_outcomes import OutcomeReader, Outcomes
from cli.demo_processes import run_command, running_views, running_worker
from core.errors import BrokerError, FraudstreamError, ModelError, StackError
from core.kafka_admin import delete_topics, ensure_topics
from core.names import Topics
from core.settings import STACK_DIR, Settings, load_settings
from stack.local import Addresses, LocalStack

TRAIN_SHARE = 0.6
SAMPLE_ROWS = 60_000
SAMPLE_SEED = 1
PACED_RATE = 500
PACED_SECONDS = 20
_DRAIN_S = 90.0


@dataclass(frozen=True, slots=True)
class Sample:
    """The demo's data, split by time.

    Attributes:
        csv: the file.
        sha256: its digest.
        until: ISO time: the model has seen everything before it.
        paced_from: ISO time: from here on events are replayed at 500/s.
        fraud: ids of the replayed events with a fraud label.
        full_speed: number of events replayed at full speed.
        paced: ids of the events replayed at 500/s.
    """

    csv: Path
    sha256: str
    until: str
    paced_from: str
    fraud: set[str]
    full_speed: int
    paced: list[str]


def demo(
    rows: Annotated[int, typer.Option(help="Size of the sample.", min=30_000)] = SAMPLE_ROWS,
) -> None:
    """From nothing to alerts: servers, a model, a worker, a replayed sample, a summary.

    The data are synthetic. In a terminal everything stays up until Ctrl-C; otherwise, or with
    DEMO_EXIT=1, it stops and exits.

    Example:

        make demo
    """
    started = float(os.environ.get("DEMO_STARTED") or time.time())
    console = Console(stderr=True, highlight=False)
    folder = STACK_DIR / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    setup_s = time.time() - started
    with ExitStack() as stack:
        # The servers start while the sample is made and the model trained: they do not meet.
        starting = _start_servers(stack, console)
        own: dict[str, Any] = {
            "profile": "ecommerce",
            "namespace": f"demo-{os.getpid():x}-{int(time.time()):x}",
            "models": folder / "models",
        }
        before = time.monotonic()
        sample = _sample(folder, rows, console)
        _train(sample, load_settings(**own), console, folder)
        train_s = time.monotonic() - before

        before = time.monotonic()
        addresses = starting.result()
        settings = load_settings(kafka=addresses.kafka, redis=addresses.redis, **own)
        stack.callback(_clean_up, settings)
        ensure_topics(settings, Topics(settings.namespace).all(settings.profile))
        setup_s += time.monotonic() - before

        before = time.monotonic()
        worker = stack.enter_context(running_worker(settings, folder, console))
        outcomes = _replay(sample, settings, worker, console, folder)
        replay_s = time.monotonic() - before

        seconds = {"setup": setup_s, "train": train_s, "replay": replay_s}
        seconds["total"] = time.time() - started
        summary = _summary(sample, outcomes, seconds)
        (STACK_DIR / "demo.json").write_text(json.dumps(summary, indent=2) + "\n")
        page = stack.enter_context(running_views(settings, folder, console, summary["scores"]))
        _print(summary, settings, folder, page)
        if sys.stdout.isatty() and os.environ.get("DEMO_EXIT") != "1":
            _stay(worker, console)


def _start_servers(stack: ExitStack, console: Console) -> Future[Addresses]:
    """Begin to start the servers; ``stack`` stops at its end what this started."""
    local = LocalStack.configured()
    pool = ThreadPoolExecutor(1)
    starting = pool.submit(local.up, console.print)
    pool.shutdown(wait=False)

    def stop() -> None:
        if starting.exception() is None and starting.result().started:
            local.down(report=console.print)

    stack.callback(stop)
    return starting


def _clean_up(settings: Settings) -> None:
    """Take the demo's namespace out of Kafka and Redis again."""
    from features.online import delete_namespace
    from features.open_wire import open_wire

    try:
        delete_topics(settings, Topics(settings.namespace).all(settings.profile))
        wire = open_wire(settings.redis.get_secret_value())
        delete_namespace(wire, settings.namespace)
        wire.close()
    except (FraudstreamError, OSError) as error:
        Console(stderr=True).print(f"note: namespace {settings.namespace} not removed: {error}")


def _sample(folder: Path, rows: int, console: Console) -> Sample:
    from features.csv_source import read_transactions
    from features.iso_times import iso_times
    from producer.sample import SampleOptions, write_sample

    csv = folder / "sample.csv"
    console.print(f"making a synthetic sample of {rows:,} transactions …")
    write_sample(csv, SampleOptions(profile="ecommerce", rows=rows, seed=SAMPLE_SEED))
    data = read_transactions(csv, "ecommerce")
    order = data.batch.in_total_order()
    time_ms = data.batch.time_ms[order]
    until_ms = int(time_ms[0] + TRAIN_SHARE * (time_ms[-1] - time_ms[0]))
    first = int(np.searchsorted(time_ms, until_ms))
    # The last events go at a fixed rate; a split at a time keeps events of one moment together.
    paced_ms = int(time_ms[len(time_ms) - PACED_RATE * PACED_SECONDS])
    paced = int(np.searchsorted(time_ms, paced_ms))
    ids = [data.batch.event_id[i] for i in order.tolist()]
    label = data.label[order]
    until, paced_from = iso_times(np.array([until_ms, paced_ms]))
    return Sample(
        csv=csv,
        sha256=data.report.sha256,
        until=until,
        paced_from=paced_from,
        fraud={ids[i] for i in range(first, len(ids)) if label[i] == 1},
        full_speed=paced - first,
        paced=ids[paced:],
    )


def _train(sample: Sample, settings: Settings, console: Console, folder: Path) -> None:
    """Train, unless an earlier demo has left the same model."""
    from features.countries import load_country_table
    from features.declared import feature_hash
    from model.registry import Registry

    try:
        meta = Registry(settings.models).load(settings.profile).metadata
    except ModelError:
        pass
    else:
        features = feature_hash(settings.profile, load_country_table(settings.ip_table).digest)
        made_of = (meta.training.sha256, meta.training.until, meta.feature_hash)
        if made_of == (sample.sha256, sample.until, features):
            console.print("the model of an earlier demo fits: not training again")
            return
    console.print("training on the first 60 % of its time …")
    run_command(
        [
            "train",
            str(sample.csv),
            "--profile",
            "ecommerce",
            "--until",
            sample.until,
            "--quick",
            "--promote",
        ],
        settings,
        folder / "train.log",
    )


def _replay(
    sample: Sample,
    settings: Settings,
    worker: subprocess.Popen[bytes],
    console: Console,
    folder: Path,
) -> tuple[Outcomes, float]:
    """Outcomes of everything, and events/s of the part at full speed."""
    reader = OutcomeReader(settings)

    def alive() -> bool:
        return worker.poll() is None

    try:
        console.print(f"replaying {sample.full_speed:,} unseen transactions at full speed …")
        replay = ["replay", str(sample.csv), "--profile", "ecommerce", "--labels-after", "1d"]
        run_command(
            [*replay, "--start", sample.until, "--end", sample.paced_from],
            settings,
            folder / "replay.log",
        )
        outcomes = reader.wait_for(sample.full_speed, _DRAIN_S, alive)
        events_per_second = outcomes.events_per_second()
        console.print(f"replaying {len(sample.paced):,} more at {PACED_RATE}/s …")
        run_command(
            [*replay, "--start", sample.paced_from, "--rate", str(PACED_RATE)],
            settings,
            folder / "replay.log",
        )
        outcomes = reader.wait_for(sample.full_speed + len(sample.paced), _DRAIN_S, alive)
    except BrokerError as error:
        raise StackError(f"{error} ({folder / 'worker.log'})") from None
    finally:
        reader.close()
    return outcomes, events_per_second


def _summary(
    sample: Sample, found: tuple[Outcomes, float], seconds: dict[str, float]
) -> dict[str, Any]:
    outcomes, events_per_second = found
    caught = len(outcomes.alerted & sample.fraud)
    latency = outcomes.latency_ms(sample.paced)
    return {
        "events": sample.full_speed + len(sample.paced),
        "scores": len(outcomes.scored),
        "alerts": len(outcomes.alerted),
        "dead_letters": outcomes.dead_letters,
        "precision": round(caught / len(outcomes.alerted), 4) if outcomes.alerted else None,
        "recall": round(caught / len(sample.fraud), 4) if sample.fraud else None,
        "events_per_second": round(events_per_second),
        "latency_ms": {name: round(value, 1) for name, value in latency.items()},
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
    }


def _print(summary: dict[str, Any], settings: Settings, folder: Path, page: str) -> None:
    console = Console(highlight=False, soft_wrap=True)
    seconds, latency = summary["seconds"], summary["latency_ms"]
    table = Table(
        title="fraudstream demo (synthetic data)", show_header=False, title_justify="left"
    )
    table.add_column()
    table.add_column(justify="right")
    for name, value in (
        ("events replayed", f"{summary['events']:,}"),
        ("scores", f"{summary['scores']:,}"),
        ("alerts", f"{summary['alerts']:,}"),
        ("dead letters", f"{summary['dead_letters']:,}"),
        ("precision (alert against label)", _share(summary["precision"])),
        ("recall (alert against label)", _share(summary["recall"])),
        ("events/s at full speed", f"{summary['events_per_second']:,}"),
        (f"latency at {PACED_RATE}/s, p50", f"{latency['p50']:.0f} ms"),
        (f"latency at {PACED_RATE}/s, p99", f"{latency['p99']:.0f} ms"),
        ("seconds: set-up", f"{seconds['setup']:.0f}"),
        ("seconds: sample and training", f"{seconds['train']:.0f}"),
        ("seconds: worker and replay", f"{seconds['replay']:.0f}"),
        ("seconds: total", f"{seconds['total']:.0f}"),
    ):
        table.add_row(name, value)
    console.print(table)
    alerts = f"FRAUDSTREAM_NAMESPACE={settings.namespace} fraudstream alerts --limit 20"
    console.print(
        f"The page, while the demo is up: {page}\n"
        "Where to look next:\n"
        f"  the model:        FRAUDSTREAM_MODELS={settings.models} fraudstream models show\n"
        f"  the alerts:       {alerts}   (while the demo is up)\n"
        f"  the worker's log: {folder / 'worker.log'}\n"
        "  your own events:  README.md, “Publish your own events”"
    )


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _stay(worker: subprocess.Popen[bytes], console: Console) -> None:
    console.print("everything stays up until Ctrl-C …")
    try:
        worker.wait()
    except KeyboardInterrupt:
        console.print("stopping …")
