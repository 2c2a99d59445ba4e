"""A set of rules in use: compiled for one profile, asked of micro-batches.

A set of no rules costs nothing and has an empty hash. Rules are asked together, each for the whole
batch, so that a batch is judged by one set from beginning to end.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import RulesError
from core.names import PROFILES
from model.rules.fields import Rows, fields
from model.rules.rule import ALWAYS_MS, NEVER_MS, Hit, Rule
from model.rules.rule_file import parse_rules
from model.rules.values import Truth
from model.rules.yaml_nodes import read_bytes


def _hash(rules: Sequence[Rule]) -> str:
    if not rules:
        return ""
    content = [{**asdict(rule), "line": 0, "when": rule.when.strip()} for rule in rules]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """One rule, ready.

    Attributes:
        rule: what it is.
        condition: its condition.
        reads: names of the fields and features that it reads.
        hit: what an event gets that meets it.
    """

    rule: Rule
    condition: Truth
    reads: frozenset[str]
    hit: Hit


class RuleSet:
    """The rules of one profile.

    Args:
        compiled: in the order of the file.

    Attributes:
        rules: the same.
        hash: SHA-256 (hex) of what the rules say; "" without rules. Comments and the order of keys
            do not change it.
    """

    def __init__(self, compiled: Sequence[Compiled] = ()) -> None:
        self.rules = tuple(compiled)
        self.hash = _hash([one.rule for one in self.rules])

    def __len__(self) -> int:
        return len(self.rules)

    def hits(self, rows: Rows) -> NDArray[np.bool_]:
        """Which rules the events of a batch meet, shape (rules, n)."""
        found = np.empty((len(self.rules), len(rows)), np.bool_)
        time_ms = rows.batch.time_ms
        with np.errstate(all="ignore"):
            for row, one in enumerate(self.rules):
                found[row] = one.condition.yes(rows)
                if one.rule.from_ms != ALWAYS_MS:
                    found[row] &= time_ms >= one.rule.from_ms
                if one.rule.until_ms != NEVER_MS:
                    found[row] &= time_ms < one.rule.until_ms
        return found


NO_RULES = RuleSet()


def load_rules(path: Path | None, profile: str) -> RuleSet:
    """The rules of a file that are for a profile; none where there is no path.

    Raises:
        RulesError: the file cannot be read or used.
    """
    return NO_RULES if path is None else compile_rules(read_bytes(path), path, profile)


def compile_rules(content: bytes, path: Path, profile: str) -> RuleSet:
    """Rules from the content of a file. Those for another profile are checked and left out.

    Args:
        content: of the file.
        path: of it, for messages.
        profile: whose events are to be judged.

    Raises:
        RulesError: a rule cannot be used; names file, line, column and remedy.
    """
    # The library takes a moment to load, and a worker without rules has no use for it.
    from model.rules.language import ConditionError, compile_condition

    mine = []
    for rule, place in parse_rules(content, path):
        whose = rule.profile or profile
        try:
            condition, reads = compile_condition(rule.when, fields(whose))
        except ConditionError as error:
            where = place.at(error.line, error.column)
            message = f"rules {where} of rule {rule.name}: {error.message}"
            if not rule.profile and (others := _understood_by(rule, profile)):
                message += (
                    f"; the rule has no profile and so is for {profile} too: add "
                    f"`profile: {others[0]}`, whose events have all that it asks for"
                )
            raise RulesError(message) from None
        if whose == profile:
            hit = Hit(rule.name, rule.action, rule.shadow, rule.severity, rule.reason)
            mine.append(Compiled(rule, condition, reads, hit))
    return RuleSet(mine)


def _understood_by(rule: Rule, but: str) -> list[str]:
    """Other profiles for whose events the condition can be compiled."""
    from model.rules.language import ConditionError, compile_condition

    found = []
    for profile in PROFILES:
        if profile != but:
            with suppress(ConditionError):
                compile_condition(rule.when, fields(profile))
                found.append(profile)
    return found
