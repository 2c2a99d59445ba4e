"""The file of rules: a YAML list, read with the line of everything that is wrong in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

import yaml

from core.errors import RulesError
from core.names import PROFILES, Severity
from model.rules.rule import ACTIONS, ALWAYS_MS, NEVER_MS, Rule
from model.rules.yaml_nodes import compose

#: Most rules in a file.
MAX_RULES = 500
_MAX_REASON = 256
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_KEYS = ("name", "when", "action", "severity", "reason", "from", "until", "shadow", "profile")
_REQUIRED = ("name", "when", "action", "reason")


class ConditionPlace:
    """Where a condition stands, for messages about a place inside it."""

    def __init__(self, path: Path, node: yaml.ScalarNode) -> None:
        self._path = path
        self._begin = node.start_mark.line + 1
        # What stands after `|` keeps its lines; in other styles lines are joined.
        self._block = node.style == "|"

    def at(self, line: int, column: int) -> str:
        """``rules.yaml:7, column 3 of the condition``."""
        first = self._begin + line if self._block else self._begin
        return f"{self._path}:{first}, column {column} of the condition"


def parse_rules(content: bytes, path: Path) -> list[tuple[Rule, ConditionPlace]]:
    """The rules of a file, their conditions not compiled yet.

    Args:
        content: of the file.
        path: of it, for messages.

    Raises:
        RulesError: it is no list of rules; names the line, the value and the remedy.
    """
    root = compose(content, path)
    if root is None:
        return []
    if not isinstance(root, yaml.SequenceNode):
        _refuse(path, root, "this is no list: begin each rule with `- name: …`")
    if len(root.value) > MAX_RULES:
        _refuse(path, root.value[MAX_RULES], f"more than {MAX_RULES} rules: join some with ||")
    found: list[tuple[Rule, ConditionPlace]] = []
    lines: dict[str, int] = {}
    for node in root.value:
        rule, place = _rule(path, node)
        if rule.name in lines:
            _refuse(path, node, f"the name {rule.name!r} is that of the rule in line "
                    f"{lines[rule.name]}, too: give each rule its own")  # fmt: skip
        lines[rule.name] = rule.line
        found.append((rule, place))
    return found


def _rule(path: Path, node: yaml.Node) -> tuple[Rule, ConditionPlace]:
    if not isinstance(node, yaml.MappingNode):
        _refuse(path, node, "this is no rule: write name, when, action and reason")
    given: dict[str, yaml.ScalarNode] = {}
    for key, value in node.value:
        name = str(key.value) if isinstance(key, yaml.ScalarNode) else "a collection"
        if name not in _KEYS:
            near = get_close_matches(name, _KEYS, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(_KEYS)}"
            _refuse(path, key, f"the key {name!r:.80} is unknown: {hint}")
        if name in given:
            _refuse(path, key, f"the key {name} is given twice: keep one")
        if not isinstance(value, yaml.ScalarNode):
            _refuse(path, value, f"{name} is one value, and this is a list or a mapping")
        given[name] = value
    for name in _REQUIRED:
        if name not in given or not given[name].value.strip():
            _refuse(path, node, f"the rule has no {name}: add it")
    action = _one_of(path, given["action"], "action", ACTIONS)
    if action == "allow" and "severity" in given:
        _refuse(path, given["severity"], "an allow rule makes no alert: leave severity out")
    severity = Severity.HIGH if action == "block" else Severity.MEDIUM
    if "severity" in given:
        severity = Severity(_one_of(path, given["severity"], "severity", tuple(Severity)))
    profile = given.get("profile")
    rule = Rule(
        name=_checked(path, given["name"], _named),
        when=given["when"].value,
        action=action,
        severity=severity,
        reason=_checked(path, given["reason"], _reason),
        from_ms=_checked(path, given.get("from"), _moment, ALWAYS_MS),
        until_ms=_checked(path, given.get("until"), _moment, NEVER_MS),
        shadow=_checked(path, given.get("shadow"), _switch, False),
        profile=_one_of(path, profile, "profile", PROFILES) if profile is not None else "",
        line=node.start_mark.line + 1,
    )
    if rule.from_ms >= rule.until_ms:
        _refuse(path, given["until"], "until is not after from: the rule would never hold")
    return rule, ConditionPlace(path, given["when"])


def _checked(
    path: Path, node: yaml.ScalarNode | None, read: Callable[[str], Any], default: Any = None
) -> Any:
    if node is None:
        return default
    try:
        return read(node.value)
    except ValueError as error:
        _refuse(path, node, str(error))


def _one_of(path: Path, node: yaml.ScalarNode, key: str, allowed: tuple[str, ...]) -> str:
    value = str(node.value)
    if value in allowed:
        return value
    if key == "action" and value == "alert":
        _refuse(path, node, "action 'alert': write review; an alert is published for review and "
                "block alike")  # fmt: skip
    _refuse(path, node, f"{key} {value!r:.80} is unknown: use {', '.join(allowed)}")


def _named(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError(
            f"name {value!r:.80}: use up to 64 small letters, digits, dashes and underscores"
        )
    return value


def _reason(value: str) -> str:
    text = " ".join(value.split())
    if len(text) > _MAX_REASON:
        raise ValueError(f"the reason has {len(text)} characters: at most {_MAX_REASON}")
    if not text.isprintable():
        raise ValueError("the reason holds control characters: leave them out")
    return text


def _switch(value: str) -> bool:
    if value not in {"true", "false"}:
        raise ValueError(f"shadow {value!r:.80}: use true or false")
    return value == "true"


def _moment(value: str) -> int:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(
            f"time {value!r:.80}: write ISO 8601, such as 2026-01-31 or 2026-01-31T12:00:00Z"
        ) from None
    zoned = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return int((zoned - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000)


def _refuse(path: Path, node: yaml.Node, message: str) -> NoReturn:
    raise RulesError(f"rules {path}:{node.start_mark.line + 1}: {message}")
