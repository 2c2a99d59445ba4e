"""One rule of a file, and one hit of it."""

from __future__ import annotations

from dataclasses import dataclass

from core.names import Severity

#: Before and after all time, in milliseconds since 1970 UTC.
ALWAYS_MS, NEVER_MS = -(2**62), 2**62
#: What a rule may do. ``alert`` is no action: an alert is published for review and block alike.
ACTIONS = ("allow", "block", "review")


@dataclass(frozen=True, slots=True)
class Rule:
    """A named condition, and what follows where it holds.

    Attributes:
        name: unique in its file.
        when: condition in CEL.
        action: of ``ACTIONS``.
        severity: of the alert that it makes.
        reason: for people.
        from_ms: first event time at which it holds.
        until_ms: first event time at which it holds no more.
        shadow: whether its hits are named and change nothing.
        profile: whose events it is for, or "" for all.
        line: of the file where it begins; no part of what it is.
    """

    name: str
    when: str
    action: str
    severity: Severity
    reason: str
    from_ms: int = ALWAYS_MS
    until_ms: int = NEVER_MS
    shadow: bool = False
    profile: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule, or a list, that an event met; attributes as in the message ``core.messages.RuleHit``.

    Attributes:
        name: of the rule, or ``list:deny:device`` and its like.
        action: what it asks for.
        shadow: whether it changes nothing.
        severity: of the alert that it makes.
        reason: for people.
    """

    name: str
    action: str
    shadow: bool
    severity: str
    reason: str

    @property
    def short(self) -> str:
        """Its name in the score message, where shadow hits begin with ``shadow:``."""
        return f"shadow:{self.name}" if self.shadow else self.name
