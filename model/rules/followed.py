"""A file of rules that may change while it is in use.

The content is compared, not the file's time, so a change is never missed and a touched file is not
one. A broken file is reported once, and what was in use before it stays in use.
"""

from __future__ import annotations

from pathlib import Path

from core.errors import RulesError
from model.rules.rule_set import NO_RULES, RuleSet, compile_rules
from model.rules.yaml_nodes import read_bytes


class FollowedRules:
    """The rules of one profile in a file.

    Args:
        path: of the file; None: there are no rules, and never will be.
        profile: whose events they judge.

    Attributes:
        current: what is to be used.

    Raises:
        RulesError: the file cannot be used.
    """

    def __init__(self, path: Path | None, profile: str) -> None:
        self._path = path
        self._profile = profile
        self._seen: bytes | str | None = None
        self.current: RuleSet = NO_RULES
        self.changed()

    def changed(self) -> bool:
        """Look at the file; whether ``current`` is another one now.

        Raises:
            RulesError: the file has become unusable; said once for each content.
        """
        if self._path is None:
            return False
        try:
            content = read_bytes(self._path)
        except RulesError as error:
            known, self._seen = self._seen == str(error), str(error)
            if known:
                return False
            raise
        if content == self._seen:
            return False
        self._seen = content
        rules = compile_rules(content, self._path, self._profile)
        if rules.hash == self.current.hash:
            return False
        self.current = rules
        return True
