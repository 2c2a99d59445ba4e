"""A worker follows its champion: a promotion or a rollback takes effect without a restart.

Every few seconds a thread of its own reads the registry's pointer. Another version is loaded,
checked and warmed up there, while events are scored by the one in use, and then decides from the
next batch on. One that is damaged or was made for other features is refused: the worker says so
once, and keeps what it has.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime

from core.settings import Settings
from features.countries import CountryTable
from model.registry import Registry
from stream.decisions import DecisionMaker, load_decision_maker
from stream.metrics import WorkerMetrics

_log = logging.getLogger(__name__)
#: Seconds between looks at the pointer, a small file.
_POLL_S = 2.0


def load_warm(settings: Settings, countries: CountryTable) -> DecisionMaker:
    """The champion, checked, after a first score: that one is slow, and events should not wait.

    Raises:
        ModelError: there is no champion, it is damaged, or it was made for other features.
        ConfigError: its thresholds contradict those of the settings.
    """
    maker = load_decision_maker(settings, countries)
    maker.warm_up()
    return maker


class ModelWatch(threading.Thread):
    """Hands every new champion that fits to ``use``.

    Args:
        settings: of the worker.
        countries: table of the features.
        current: what is in use.
        use: called with each new one; from this thread.
        metrics: ``model_info`` follows.
    """

    def __init__(
        self,
        settings: Settings,
        countries: CountryTable,
        current: DecisionMaker,
        use: Callable[[DecisionMaker], None],
        metrics: WorkerMetrics,
    ) -> None:
        super().__init__(name="model-watch", daemon=True)
        self._settings = settings
        self._countries = countries
        self._registry = Registry(settings.models)
        self._current = current
        self._use = use
        self._metrics = metrics
        self._refused = ""
        self._show()

    def run(self) -> None:
        """Look every now and then until the process ends."""
        while True:
            time.sleep(_POLL_S)
            self.look()

    def look(self) -> None:
        """Take up another champion, if there is one that fits; say once why one does not."""
        try:
            name = self._registry.pointer(self._settings.profile)
            if name == self._current.version.metadata.version:
                self._refused = ""
                return
            maker = load_warm(self._settings, self._countries)
        except Exception as error:  # a runtime that chokes on a graph raises what it likes
            if str(error) != self._refused:
                self._refused = str(error)
                _log.error("model %s stays in use: %s", self._in_use(), error)
            return
        before = self._in_use()
        self._current = maker
        self._refused = ""
        self._use(maker)
        self._show()
        _log.info(
            "model %s in use instead of %s, review at %.4f, block at %.4f",
            self._in_use(),
            before,
            maker.review,
            maker.block,
        )

    def _in_use(self) -> str:
        meta = self._current.version.metadata
        return f"{meta.name} {meta.version}"

    def _show(self) -> None:
        meta = self._current.version.metadata
        trained_at = datetime.fromisoformat(meta.created_at).timestamp()
        self._metrics.show_model(meta.name, meta.version, trained_at)
