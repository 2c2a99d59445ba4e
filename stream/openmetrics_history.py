"""Series over time as OpenMetrics text, piece by piece.

Every series has a sample at every step, also where it does not change. ``increase`` extends the
growth between a window's first and last sample to the whole window: a series that had samples only
around a change would seem to grow twice as much, and whoever asks for its value would find none
five minutes after its last sample. Blocks store a repeated value in two bits.

A step with no change costs next to nothing here: the lines of a stretch are joined in one go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from stream.history import STEP_S, Family, Labels, Series, Steps

#: The job of all series that were not scraped but come from a file.
HISTORY_JOB = "fraudstream-history"
END = "# EOF\n"
#: Lines handed on in one piece.
_LINES = 4096


def write_families(file: TextIO, families: Sequence[Family], target: Labels, steps: Steps) -> int:
    """Write all samples at these steps, without the end mark; gives their number."""
    times = [str(step * STEP_S) for step in steps.tolist()]
    for family in families:
        file.write(head(family.metric.family, family.metric.kind, family.metric.text))
        for group in family.groups:
            file.writelines(_group(group, target, steps, times))
    return len(times) * sum(len(group) for family in families for group in family.groups)


def head(name: str, kind: str, text: str) -> str:
    """The lines before a family's samples."""
    return f"# TYPE {name} {kind}\n# HELP {name} {_escaped(text)}\n"


def label_text(labels: Iterable[tuple[str, str]]) -> str:
    """Labels as they stand behind a name."""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def target_labels(file_name: str) -> Labels:
    """Job and instance of the series of a file."""
    return (("job", HISTORY_JOB), ("instance", file_name))


def _group(
    group: Sequence[Series], target: Labels, steps: Steps, times: Sequence[str]
) -> Iterator[str]:
    names = [f"{one.name}{label_text((*target, *one.labels))} " for one in group]
    places = [np.searchsorted(one.steps, steps, side="right") for one in group]
    for begin, end in _stretches(places, len(times)):
        lines = [
            name + _number(one, int(place[begin])) + " "
            for name, one, place in zip(names, group, places, strict=True)
        ]
        if len(lines) == 1:
            for first in range(begin, end, _LINES):
                piece = times[first : min(first + _LINES, end)]
                yield lines[0] + ("\n" + lines[0]).join(piece) + "\n"
        else:  # a histogram's series stand together, time by time
            for time in times[begin:end]:
                yield (time + "\n").join(lines) + time + "\n"


def _stretches(places: Sequence[NDArray[np.intp]], size: int) -> Iterator[tuple[int, int]]:
    """Where no series changes, as half-open ranges of steps."""
    changed = np.zeros(size, np.bool_)
    changed[:1] = True
    for place in places:
        changed[1:] |= np.diff(place) != 0
    begins = np.flatnonzero(changed).tolist()
    yield from zip(begins, [*begins[1:], size], strict=True)


def _number(series: Series, place: int) -> str:
    return repr(series.values[place - 1].item()) if place else "0"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
