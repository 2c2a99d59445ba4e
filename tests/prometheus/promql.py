"""Which series and labels a PromQL expression uses; as much of it as rules are made of."""

from __future__ import annotations

import re
from dataclasses import dataclass

from core import metrics as declared
from core.metrics import Kind

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_DURATION = re.compile(r"\[[^\]]*\]|\boffset\s+-?\w+")
#: A name that is no function, with its matchers.
_SELECTOR = re.compile(r"(?<![\w:.])([a-zA-Z_:][\w:]*)(?![\w:]|\s*\()\s*(?:\{([^}]*)\})?")
_MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
_WORDS = {"and", "or", "unless", "bool", "inf", "nan"}

#: What Prometheus gives to every series it scrapes.
SCRAPED = frozenset({"job", "instance"})


@dataclass(frozen=True, slots=True)
class Use:
    """What an expression uses.

    Attributes:
        matched: each series that is selected, with the labels that its matchers name.
        grouped: labels that aggregations and joins name.
    """

    matched: tuple[tuple[str, frozenset[str]], ...]
    grouped: frozenset[str]


def use_of(expression: str) -> Use:
    """What ``expression`` uses."""
    bare = _STRING.sub('""', expression)
    grouped = {
        label.strip() for labels in _GROUPING.findall(bare) for label in labels.split(",") if label
    }
    bare = _DURATION.sub("", _GROUPING.sub("", bare))
    return Use(
        tuple(
            (name, frozenset(_MATCHER.findall(matchers)))
            for name, matchers in _SELECTOR.findall(bare)
            if name.lower() not in _WORDS
        ),
        frozenset(grouped),
    )


def scraped_series() -> dict[str, frozenset[str]]:
    """Every series that Prometheus gets from workers and views or makes itself → its labels."""
    series = {"up": SCRAPED, "process_start_time_seconds": SCRAPED}
    for metric in (*declared.OF_WORKER, *declared.OF_VIEWS):
        for name in metric.series:
            bucket = metric.kind is Kind.HISTOGRAM and name.endswith("_bucket")
            series[name] = SCRAPED | set(metric.labels) | ({"le"} if bucket else set())
    return series


def recorded_labels(record: str) -> frozenset[str]:
    """The labels of a recorded series, which its name begins with."""
    return frozenset(record.split(":", 1)[0].split("_"))
