"""Who takes part in ``python -m bench worker``, and how each one is started."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import typer

from bench.quix_environment import quix_python


@dataclass(frozen=True, slots=True)
class Contender:
    """One way of doing the worker's job.

    Attributes:
        module: what ``python -m`` runs.
        what: one line on how it works, for the table of results.
        share: of the events that one of its drains is timed over; less where it is slow.
        python: gives the interpreter; asked only when the contender is to run.
        metrics: whether it serves the worker's metrics.
        usual: whether it takes part where nobody is named.
    """

    module: str
    what: str
    share: float = 1.0
    python: Callable[[], str] = lambda: sys.executable
    metrics: bool = False
    usual: bool = True

    def command(self) -> list[str]:
        """What starts it; makes its environment where it is not there yet."""
        return [self.python(), "-m", self.module]


#: The contender that the others are there for.
OURS = "fraudstream"
CHEAP = "cheap_reasons"
CONTENDERS = {
    OURS: Contender("stream", "the worker", metrics=True),
    "plain_loop": Contender(
        "bench.plain_loop", "confluent-kafka and nothing else; partitions not merged"
    ),
    "faust_take": Contender(
        "bench.faust_take", "stock Faust, `stream.take_events`; state in Redis", share=0.5
    ),
    "quix_redis": Contender(
        "bench.quix_redis",
        "Quix Streams, state in Redis event by event; scoring in micro-batches",
        share=0.25,
        python=quix_python,
    ),
    "quix_redis_batched": Contender(
        "bench.quix_redis_batched",
        "Quix Streams, the worker's pipeline on micro-batches in a sink; state in Redis",
        share=0.5,
        python=quix_python,
    ),
    "quix_rocksdb": Contender(
        "bench.quix_rocksdb",
        "Quix Streams, repartitioned by user, device and address; state in RocksDB with changelog",
        share=0.25,
        python=quix_python,
    ),
    CHEAP: Contender(
        "bench.cheap_reasons", "the worker, alerts explained without the model",
        metrics=True, usual=False,
    ),
}  # fmt: skip


def chosen(names: str) -> tuple[str, ...]:
    """The contenders of a comma-separated list, in the order of the registry; empty: all."""
    wanted = {name.strip() for name in names.split(",") if name.strip()} or {
        name for name, one in CONTENDERS.items() if one.usual
    }
    unknown = sorted(wanted - CONTENDERS.keys())
    if unknown:
        raise typer.BadParameter(
            f"{', '.join(unknown)} is unknown: choose from {', '.join(CONTENDERS)}"
        )
    return tuple(name for name in CONTENDERS if name in wanted)


def commands(names: Sequence[str]) -> dict[str, list[str]]:
    """Contender → its command, of those that are to run; the environments they need are there."""
    return {name: CONTENDERS[name].command() for name in names}
