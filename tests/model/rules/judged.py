"""Batches for rules to judge, and conditions asked of them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from features.declared import feature_names
from features.known import country_codes
from features.offline import compute_features
from model.rules.fields import Rows, fields
from model.rules.language import compile_condition
from model.rules.rule_set import RuleSet, compile_rules
from model.rules.values import Truth
from tests.model.events import countries, labelled_events

PATH = Path("rules.yaml")


@cache
def rows() -> Rows:
    """200 events with their features; ``browser`` of every seventh is not known."""
    batch, _ = labelled_events(200, seed=9)
    batch.text["browser"][::7] = [None] * len(batch.text["browser"][::7])
    country = country_codes(batch, countries())
    matrix = compute_features(batch, countries()).matrix
    score = np.linspace(0, 1, len(batch), dtype=np.float32)
    return Rows(batch, country, matrix, score)


def column(name: str) -> NDArray[np.float64]:
    """A feature of ``rows``."""
    return rows().matrix[:, feature_names("ecommerce").index(name)].astype(np.float64)


def compiled(text: str) -> Truth:
    return compile_condition(text, fields("ecommerce"))[0]


def asked(text: str) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where a condition is true, and where it is false, for all rows."""
    condition, n = compiled(text), len(rows())
    with np.errstate(all="ignore"):
        yes, no = condition.yes(rows()), condition.no(rows())
    return np.broadcast_to(yes, n), np.broadcast_to(no, n)


def rule_set(text: str, profile: str = "ecommerce") -> RuleSet:
    return compile_rules(text.encode(), PATH, profile)
