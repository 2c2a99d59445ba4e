"""A worker follows its file of rules: a change takes effect without a restart.

Every second a thread of its own reads the file. What has changed is parsed and compiled there,
while events are judged by the rules in use, and judges from the next batch on. A broken file is
refused: the worker says so once, with line and reason, and keeps what it has.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from core.errors import RulesError
from model.overrides import Overrides
from model.rules.followed import FollowedRules
from model.rules.rule_set import RuleSet
from stream.metrics import WorkerMetrics

_log = logging.getLogger(__name__)
#: Seconds between looks at the file, a small one.
_POLL_S = 1.0


class RulesWatch(threading.Thread):
    """Hands every new set of rules to a pipeline.

    Args:
        rules: the file.
        override: the pipeline's; called with what changes the rules in use.
        metrics: ``rules_info`` and ``rule_hits_total`` follow.
    """

    def __init__(
        self,
        rules: FollowedRules,
        override: Callable[[Callable[[Overrides], Overrides]], None],
        metrics: WorkerMetrics,
    ) -> None:
        super().__init__(name="rules-watch", daemon=True)
        self._rules = rules
        self._override = override
        self._metrics = metrics
        self._use()

    def run(self) -> None:
        """Look every now and then until the process ends."""
        while True:
            time.sleep(_POLL_S)
            self.look()

    def look(self) -> None:
        """Take up the rules of the file, if they are others; say once why they cannot be used."""
        before = self._rules.current
        try:
            if not self._rules.changed():
                return
        except RulesError as error:
            _log.error("%s stay in use: %s", told(before), error)
            return
        self._use()
        _log.info("%s in use instead of %s", told(self._rules.current), told(before))

    def _use(self) -> None:
        rules = self._rules.current
        self._metrics.show_rules(rules)
        self._override(lambda overrides: replace(overrides, rules=rules))


def told(rules: RuleSet) -> str:
    """The rules in a few words."""
    many = "1 rule" if len(rules) == 1 else f"{len(rules)} rules"
    return f"{many} ({rules.hash[:12]})" if len(rules) else "no rules"
