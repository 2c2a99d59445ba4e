"""Where a worker's processor time goes: stacks sampled from outside, put together by stage."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_RATE = 400  #: samples a second
#: Stage → functions (name and file) by which a stack is recognised. The first that a stack holds,
#: in this order, decides.
STAGES: dict[str, tuple[str, ...]] = {
    "metrics": (
        "(stream/metrics.py", "(stream/batch_counter.py", "(stream/batch_histogram.py",
        "(prometheus_client/",
    ),
    "decode": ("to_rows (stream/records.py", "to_batch (", "country_codes ("),
    "state": ("(stream/fenced_state.py", "(features/online.py"),
    "score": ("feature_matrix (", "own_columns (", "decide (stream/decisions.py"),
    "publish": ("(stream/outcomes.py", "(stream/publish.py", "_send (stream/pipeline.py"),
    "commit": ("commit (", "_commit"),
    "pipeline": ("(stream/pipeline.py", "(stream/work_thread.py"),
    "merge": ("(stream/merge.py",),
    "fetch": ("(aiokafka/", "(stream/fetching.py", "consume (", "plain_record"),
    "transport": ("(stream/transport.py", "(faust/", "(mode/", "(stream/app.py"),
}  # fmt: skip
OTHER = "other"
#: Innermost functions that wait in the system. ``py-spy`` leaves out the threads that the system
#: says are asleep, and some systems (containers with a kernel of their own) do not say.
_WAITING = (
    "select (selectors.py",
    "wait (threading.py",
    "run (stream/watchdog.py",
    "run (stream/model_watch.py",
    "run (stream/work_thread.py",
    "_read_into (features/redis_link.py",
    "confirm (stream/publish.py",
    "consume (",
)


@dataclass(frozen=True, slots=True)
class Stacks:
    """Samples of one process.

    Attributes:
        count: stack, from the outermost frame, joined by ``;`` → how often it was seen on a
            processor.
    """

    count: Counter[str]

    def shares(self) -> dict[str, float]:
        """Stage → its share of the samples."""
        found: Counter[str] = Counter()
        for stack, count in self.count.items():
            found[stage_of(stack)] += count
        total = max(found.total(), 1)
        return {stage: found[stage] / total for stage in (*STAGES, OTHER) if found[stage]}


def stage_of(stack: str) -> str:
    """The stage that a stack belongs to."""
    for stage, marks in STAGES.items():
        if any(mark in stack for mark in marks):
            return stage
    return OTHER


def read_stacks(path: Path) -> Stacks:
    """Stacks in the collapsed format (``frame;frame count`` per line), without those that wait."""
    count: Counter[str] = Counter()
    for line in path.read_text().splitlines():
        stack, _, number = line.rpartition(" ")
        innermost = stack.rpartition(";")[2]
        if not any(mark in innermost for mark in _WAITING):
            count[stack] += int(number)
    return Stacks(count)


@contextmanager
def sampled(pid: int, path: Path, form: str, *more: str) -> Iterator[None]:
    """Sample the threads of a process that are on a processor, until the block ends.

    Args:
        pid: of the process.
        path: the file to write.
        form: ``raw`` (collapsed stacks) or ``flamegraph`` (SVG).
        more: options of ``py-spy record``.

    Raises:
        SystemExit: nothing was sampled.
    """
    spy = subprocess.Popen(
        [
            Path(sys.executable).with_name("py-spy"), "record", "--pid", str(pid),
            "--format", form, "--rate", str(_RATE), "--duration", "3600", "--output", str(path),
            *more,
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield
    finally:
        spy.send_signal(2)  # it writes its file on an interrupt
        _, said = spy.communicate(timeout=60)
        if not path.is_file():
            raise SystemExit(f"py-spy wrote nothing: {said.decode(errors='replace')}")
