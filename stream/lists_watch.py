"""A worker follows the lists in Redis: a change counts without a restart.

Every second a thread of its own asks for the changes. While Redis is away the lists in use stay;
the worker says so once, and once when it is back.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from core.errors import StateError
from model.lists.followed import FollowedLists
from model.lists.lists import Lists
from model.overrides import Overrides

_log = logging.getLogger(__name__)
_POLL_S = 1.0


class ListsWatch(threading.Thread):
    """Hands every change of the lists to a pipeline.

    Args:
        lists: in Redis; looked at here for the first time.
        override: the pipeline's; called with what changes the lists in use.

    Raises:
        StateError: Redis is away.
    """

    def __init__(
        self,
        lists: FollowedLists,
        override: Callable[[Callable[[Overrides], Overrides]], None],
    ) -> None:
        super().__init__(name="lists-watch", daemon=True)
        self._lists = lists
        self._override = override
        self._is_away = False
        if lists.changed():
            self._use()

    def run(self) -> None:
        """Look every now and then until the process ends."""
        while True:
            time.sleep(_POLL_S)
            self.look()

    def look(self) -> None:
        """Take up what has changed."""
        before = self._lists.current
        try:
            changed = self._lists.changed()
        except StateError as error:
            if not self._is_away:
                self._is_away = True
                _log.error("%s stay in use: %s", told(before), error)
            return
        if self._is_away:
            self._is_away = False
            _log.info("the lists are followed again")
        if changed:
            self._use()
            _log.info("%s in use instead of %s", told(self._lists.current), told(before))

    def _use(self) -> None:
        lists = self._lists.current
        self._override(lambda overrides: replace(overrides, lists=lists))


def told(lists: Lists) -> str:
    """The lists in a few words."""
    return f"lists of {len(lists):,} entries" if len(lists) else "no lists"
