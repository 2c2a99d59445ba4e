"""A sample as a file on disk: all of it or nothing.

Promise: after ``write_sample`` returns, the file holds exactly the rows asked for; equal options
give equal bytes, whatever ``chunk_rows`` (given the same versions of numpy and of the address
table). When it fails, a file that was there before is untouched.

1. Rows come in slices in time order (``slices.generate``).
2. Each slice is formatted and written, ``chunk_rows`` at a time, to a hidden file beside the
   target, gzipped when the target's name ends in ``.gz`` (without a time stamp or name inside).
3. The hidden file takes the target's name.
"""

from __future__ import annotations

import gzip
import io
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow.csv as pa_csv

from core.whole_files import check_place, whole_file
from producer.sample.banking import Bank
from producer.sample.ecommerce import Shop
from producer.sample.options import Mechanism, SampleOptions, SampleSummary
from producer.sample.rows import R
from producer.sample.slices import Scene, generate

Progress = Callable[[int], None]

_FORMAT = pa_csv.WriteOptions(include_header=False, quoting_style="none")
_BUFFER = 1 << 20
_OPTION = "--out"


def write_sample(
    path: Path, options: SampleOptions, progress: Progress | None = None
) -> SampleSummary:
    """Write the synthetic transactions that ``options`` describe to ``path``.

    Args:
        path: target; an existing file is replaced.
        options: what to make.
        progress: called with the number of rows written so far.

    Raises:
        ConfigError: the target's folder does not exist, or the target is no plain file.
        DataError: the disk refuses (full, read-only).
    """
    check_place(path, _OPTION, "sample.csv.gz")
    compressed = path.resolve().suffix == ".gz"
    with whole_file(path, _OPTION) as hidden, _opened(hidden, compressed=compressed) as file:
        return _write(file, options, progress)


def _write(file: BinaryIO, options: SampleOptions, progress: Progress | None) -> SampleSummary:
    if options.profile == "ecommerce":
        return _write_scene(Shop(options), file, options, progress)
    return _write_scene(Bank(options), file, options, progress)


def _write_scene(
    scene: Scene[R], file: BinaryIO, options: SampleOptions, progress: Progress | None
) -> SampleSummary:
    counts: Counter[int] = Counter()
    first = last = 0
    written = 0
    for rows in generate(scene, options):
        for start in range(0, len(rows), options.chunk_rows):
            table = scene.table(rows.take(slice(start, start + options.chunk_rows)))
            if not written:
                file.write((",".join(table.column_names) + "\n").encode())
                first = int(rows.time[0])
            pa_csv.write_csv(table, file, _FORMAT)
            written += table.num_rows
            if progress is not None:
                progress(written)
        last = int(rows.time[-1]) if len(rows) else last
        counts.update(dict(enumerate(np.bincount(rows.mechanism).tolist())))
    return SampleSummary(
        rows=written,
        fraud_rows=sum(
            count for value, count in counts.items() if count and Mechanism(value).fraud
        ),
        by_mechanism={
            Mechanism(value).name.lower(): count for value, count in sorted(counts.items()) if count
        },
        first_time=datetime.fromtimestamp(first, tz=UTC),
        last_time=datetime.fromtimestamp(last, tz=UTC),
    )


@contextmanager
def _opened(path: Path, *, compressed: bool) -> Iterator[BinaryIO]:
    with path.open("wb") as raw:
        if not compressed:
            yield raw
            return
        # No name and no time inside: the same rows are then the same bytes.
        with (
            gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=raw, mtime=0) as packed,
            io.BufferedWriter(packed, _BUFFER) as file,
        ):
            yield file
