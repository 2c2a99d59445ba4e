"""What a PromQL expression names: series, matchers, labels."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}(?:\[([^\]]+)\])?")
_MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"([^"]*)"')
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right) \(([^)]*)\)")
_WORD = re.compile(r"[a-zA-Z_:][\w:]*")
_WORDS = {
    "sum", "avg", "min", "max", "count", "group", "rate", "increase", "changes", "scalar", "vector",
    "time", "histogram_quantile", "sort_desc", "topk", "floor",
    "clamp_max", "and", "or", "on", "by", "group_left",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Selector:
    """One series selector, the function around it and its window."""

    series: str
    matchers: set[tuple[str, str, str]]
    window: str
    function: str


@dataclass(frozen=True, slots=True)
class Named:
    """All that an expression names."""

    selectors: list[Selector]
    grouped_by: set[str] = field(default_factory=set)


def named(expr: str) -> Named:
    """Take an expression apart; raises ``ValueError`` for a word it does not know."""
    selectors = []
    for found in _SELECTOR.finditer(expr):
        before = re.search(r"(\w+)\($", expr[: found.start()])
        matchers = set(_MATCHER.findall(found[2]))
        function = before[1] if before else ""
        selectors.append(Selector(found[1], matchers, found[3] or "", function))
    rest = _SELECTOR.sub("", expr)
    labels = {
        name.strip() for found in _GROUPING.finditer(rest) for name in found[1].split(",") if name
    }
    rest = _GROUPING.sub("", rest)
    for word in set(_WORD.findall(rest)) - _WORDS:
        if "_" not in word:
            raise ValueError(f"{word} in {expr}")
        selectors.append(Selector(word, set(), "", ""))
    return Named(selectors, labels)
