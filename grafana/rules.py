"""Rules and lists beside the model: what they met, on the model dashboard."""

from __future__ import annotations

from core.metrics import RULE_HITS, RULES_INFO
from grafana import palette
from grafana.frame import Row
from grafana.panels import AnyPanel, Query, Text, bars, figure, over_time
from grafana.queries import of, per_hour, total

_LIVE, _SHADOW = (of(RULE_HITS, fixed=f'mode="{mode}"') for mode in ("live", "shadow"))


def row() -> Row:
    """Which rules are in use, what they meet, and what those in shadow would."""
    return Row("Rules and lists", [*_figures(), *_hits()])


def _figures() -> list[AnyPanel]:
    return [
        figure(
            Text("Rules in use", "How many; the hash is that of alerts' rule set.", "short", 8, 4),
            Query(f"max by (hash) ({of(RULES_INFO)})", "{{hash}}"),
            none="no worker",
        ),
        figure(
            Text("Hits", "Events that met a rule or list, in the time range.", "short", 8, 4),
            Query(f"sum ({total(_LIVE, 'rule')}) or vector(0)"),
        ),
        figure(
            Text("Hits in shadow", "Events that met a rule in shadow mode.", "short", 8, 4),
            Query(f"sum ({total(_SHADOW, 'rule')}) or vector(0)"),
        ),
    ]


def _hits() -> list[AnyPanel]:
    return [
        over_time(
            Text("Hits per hour", "By rule or list, those in shadow left out.", "short", 16),
            Query(per_hour(_LIVE, "rule"), "{{rule}}"),
        ),
        bars(
            Text("Hits by rule", "Of the range, live and in shadow.", "short", 8),
            Query(f"sort_desc({total(of(RULE_HITS), 'rule, mode')})", "{{rule}} ({{mode}})"),
            palette.BLUE,
        ),
    ]
