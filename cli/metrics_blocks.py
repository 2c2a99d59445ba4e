"""From a file's history to blocks of Prometheus, slice by slice; recording rules afterwards.

1. For each slice of time as long as a block: text, from which promtool makes the block. The text of
   few slices is on the disk at a time (about 100 MB each).
2. A Prometheus of our own over these blocks evaluates the recording rules that read only series
   that are there; the results become blocks in the same way. It is started anew for the rules that
   read those, until none is left.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from stack.private_prometheus import PrivatePrometheus, RecordingRule, private_prometheus
from stack.promtool import BLOCK_S, create_blocks
from stream.history import STEP_S, Family, Labels, Steps
from stream.history_rules import (
    in_order,
    names_read,
    recorded_head,
    recorded_text,
    stretches,
    widened,
)
from stream.openmetrics_history import END, write_families

#: Called with what is done and what there is to do.
Progress = Callable[[int, int], None]
#: Slices worked on side by side: promtool uses one core.
_SIDE_BY_SIDE = min(4, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class Made:
    """What was made.

    Attributes:
        samples: how many.
        text_bytes: of the text that promtool was given.
        names: of recording rules that had a result.
    """

    samples: int = 0
    text_bytes: int = 0
    names: frozenset[str] = frozenset()

    def __add__(self, other: Made) -> Made:
        return Made(
            self.samples + other.samples,
            self.text_bytes + other.text_bytes,
            self.names | other.names,
        )


def content_of(families: Sequence[Family], target: Labels, steps: Steps, rules: Path) -> str:
    """What tells these blocks from others: a hash of every sample and of the rules."""
    digest = hashlib.sha256(rules.read_bytes())
    digest.update(repr(target).encode() + steps.tobytes())
    for family in families:
        for group in family.groups:
            for series in group:
                digest.update(repr((series.name, series.labels)).encode())
                digest.update(series.steps.tobytes() + series.values.tobytes())
    return digest.hexdigest()


def make_blocks(
    families: Sequence[Family], target: Labels, steps: Steps, blocks: Path, progress: Progress
) -> Made:
    """Blocks of the metrics, below the folder ``blocks``."""

    def one(part: Steps, text: Path) -> Made:
        with text.open("w", encoding="utf-8", newline="") as file:
            samples = write_families(file, families, target, part)
            file.write(END)
        create_blocks(text, blocks)
        return Made(samples, text.stat().st_size)

    slices = _slices(steps)
    return _side_by_side(one, slices, blocks, _counted(progress, 0, len(slices)))


def make_rule_blocks(
    names: set[str], target: Labels, steps: Steps, blocks: Path, rules: Path, progress: Progress
) -> tuple[Made, list[Path]]:
    """Blocks of the recording rules.

    Args:
        names: of the series that are there.
        target: job and instance.
        steps: when the rules are evaluated.
        blocks: the folder with the blocks of these series.
        rules: the file of rules.
        progress: told how far it is.

    Returns:
        What was made, and the folders with its blocks.
    """
    slices, server_folder = _slices(steps), blocks.with_name("prometheus")
    with private_prometheus([], server_folder, rules) as server:
        rounds = in_order(server.recording_rules(), names)
    made, total = Made(), len(rounds) * len(slices)
    there = {blocks: frozenset(names)}
    for number, some in enumerate(rounds):
        read = set().union(*(names_read(rule) for rule in some))
        fresh = blocks.with_name(f"round-{number}")
        fresh.mkdir()
        sources = [folder for folder, held in there.items() if held & read]
        with private_prometheus(sources, server_folder, rules) as server:
            job = partial(_one_round, server, some, target, fresh)
            shown = _counted(progress, number * len(slices), total)
            made += _side_by_side(job, slices, fresh, shown)
        there[fresh] = frozenset(rule.name for rule in some)
    return made, [folder for folder in there if folder != blocks]


def _one_round(
    server: PrivatePrometheus,
    rules: Sequence[RecordingRule],
    target: Labels,
    blocks: Path,
    part: Steps,
    text: Path,
) -> Made:
    """Evaluate rules over one slice."""
    samples, names, wide = 0, set(), server.major_version() >= 3
    with text.open("w", encoding="utf-8", newline="") as file:
        for rule in rules:
            query = widened(rule.query) if wide else rule.query
            file.write(recorded_head(rule.name))
            for first, last in stretches(part):
                for series in server.query_range(query, first * STEP_S, last * STEP_S, STEP_S):
                    names.add(rule.name)
                    samples += len(series.samples)
                    file.write(
                        recorded_text(rule.name, rule.labels, target, series.labels, series.samples)
                    )
        file.write(END)
    if samples:
        create_blocks(text, blocks)
    return Made(samples, text.stat().st_size, frozenset(names))


def _counted(progress: Progress, before: int, total: int) -> Callable[[int], None]:
    return lambda done: progress(before + done, total)


def _side_by_side(
    one: Callable[[Steps, Path], Made],
    slices: Sequence[Steps],
    blocks: Path,
    progress: Callable[[int], None],
) -> Made:
    """Do it for each slice, with a file for its text that is removed afterwards."""

    def with_text(number: int) -> Made:
        text = blocks.with_name(f"slice-{number}.om")
        try:
            return one(slices[number], text)
        finally:
            text.unlink(missing_ok=True)

    made = Made()
    waiting = iter(range(len(slices)))
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        running: set[Future[Made]] = set()
        for done in range(len(slices) + 1):
            progress(done)
            # No more than can run, so that a failure or an interrupt ends the rest.
            while len(running) < _SIDE_BY_SIDE and (number := next(waiting, None)) is not None:
                running.add(pool.submit(with_text, number))
            if running:
                first = next(iter(wait(running, return_when=FIRST_COMPLETED).done))
                running.remove(first)
                made += first.result()
    return made


def _slices(steps: Steps) -> list[Steps]:
    """The steps of each block; a block without one does not come to be."""
    block = steps * STEP_S // BLOCK_S
    return np.split(steps, np.flatnonzero(np.diff(block)) + 1)
