"""A worker follows its champion and challenger: what is promoted takes effect without a restart.

Every few seconds a thread of its own reads the registry's pointers. Another version is loaded,
checked and warmed up there, while events are scored by those in use, and then champion and
challenger together are used from the next batch on, as one object. A champion that is damaged or
was made for other features is refused: the worker says so once, and keeps what it has. Such a
challenger is left out.

A champion that was promoted while the worker ran is watched (``stream.promotion_guard``). Out of
bounds, it is rolled back in the registry, if it is still champion there: of several workers one
does it, and the others follow the pointer. Where the registry cannot be written, the worker itself
goes back to the champion before, until another one is promoted.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime

from core.errors import FraudstreamError
from core.names import Role
from core.settings import Settings
from features.countries import CountryTable
from model.challenge import Challenger, load_challenger
from model.overrides import NO_OVERRIDES
from model.registry import Registry
from stream.decisions import DecisionMaker, load_decision_maker
from stream.metrics import WorkerMetrics
from stream.promotion_guard import PromotionGuard

_log = logging.getLogger(__name__)
#: Seconds between looks at the pointer, a small file.
_POLL_S = 2.0


def load_warm(
    settings: Settings, countries: CountryTable, version: str | None = None
) -> DecisionMaker:
    """A version, checked, after a first score: that one is slow, and events should not wait.

    Args:
        settings: of the worker.
        countries: table of the features.
        version: its name; None for the champion.

    Raises:
        ModelError: it is not there, damaged, or was made for other features.
        ConfigError: its thresholds contradict those of the settings.
    """
    maker = load_decision_maker(settings, countries, version, NO_OVERRIDES)
    maker.warm_up()
    return maker


class ModelWatch(threading.Thread):
    """Hands every new pair of champion and challenger to ``use``.

    Args:
        settings: of the worker.
        countries: table of the features.
        current: what is in use.
        use: called with each new one; from this thread.
        metrics: ``model_info`` follows.
        guard: of promotions.
    """

    def __init__(
        self,
        settings: Settings,
        countries: CountryTable,
        current: DecisionMaker,
        use: Callable[[DecisionMaker], None],
        metrics: WorkerMetrics,
        guard: PromotionGuard,
    ) -> None:
        super().__init__(name="model-watch", daemon=True)
        self._settings = settings
        self._countries = countries
        self._registry = Registry(settings.models)
        self._current = current
        self._use = use
        self._metrics = metrics
        self._guard = guard
        self._refused = ""
        self._challenger_refused = ""
        self._taken_back = ""
        self._show()

    def run(self) -> None:
        """Look every now and then until the process ends."""
        while True:
            time.sleep(_POLL_S)
            self.look()

    def look(self) -> None:
        """Take up another champion or challenger that fits; say once why one does not."""
        self._heed_guard()
        current = self._current
        maker = self._champion() or current
        challenger = self._challenger(maker)
        if maker is current and challenger is current.challenger:
            return
        before, was_challenged_by = self._in_use(), current.challenger
        self._current = maker.beside(challenger)
        self._use(self._current)
        self._show()
        if maker is not current:
            _log.info(
                "model %s in use instead of %s, review at %.4f, block at %.4f",
                self._in_use(),
                before,
                maker.review,
                maker.block,
            )
        if challenger is not was_challenged_by:
            _log.info(
                "challenger of model %s: %s",
                self._in_use(),
                "none" if challenger is None else challenger.version.metadata.version,
            )

    def _champion(self) -> DecisionMaker | None:
        """The champion that is to be used instead of the one in use, if any."""
        in_use = self._current.version.metadata.version
        try:
            history = self._registry.history(self._settings.profile)
            if history[1:] and history[0] == self._taken_back:
                history = history[1:]
            name = history[0] if history else None
            maker = None if name == in_use else load_warm(self._settings, self._countries, name)
        except Exception as error:  # a runtime that chokes on a graph raises what it likes
            if str(error) != self._refused:
                self._refused = str(error)
                _log.error("model %s stays in use: %s", self._in_use(), error)
            return None
        self._refused = ""
        if maker is not None and history[1:2] == [in_use]:
            self._guard.watch(history[0])
        return maker

    def _challenger(self, champion: DecisionMaker) -> Challenger | None:
        """The challenger to be scored beside a champion, if there is one that fits."""
        in_use = self._current.challenger
        try:
            name = self._registry.pointer(self._settings.profile, Role.CHALLENGER)
            if name in (None, champion.version.metadata.version):
                challenger = None
            elif in_use is not None and in_use.version.metadata.version == name:
                challenger = in_use
            else:
                challenger = load_challenger(self._settings, self._countries)
        except Exception as error:  # as above
            if str(error) != self._challenger_refused:
                self._challenger_refused = str(error)
                _log.error("no challenger is scored: %s", error)
            return None
        self._challenger_refused = ""
        return challenger

    def _heed_guard(self) -> None:
        """Roll back a champion that the guard found out of bounds, if it is still champion."""
        verdict = self._guard.verdict()
        if verdict is None:
            return
        self._taken_back = verdict.version
        _log.error("model %s is out of bounds: %s", verdict.version, verdict.text)
        try:
            back = self._registry.take_back(self._settings.profile, verdict.version)
        except FraudstreamError as error:
            _log.error(
                "this worker alone goes back: the registry names %s still: %s",
                verdict.version,
                error,
            )
        else:
            if back is None:
                return  # somebody was faster
            _log.warning("rolled back from model %s to %s", verdict.version, back)
        self._metrics.rollbacks.labels(verdict.reason).inc()

    def _in_use(self) -> str:
        meta = self._current.version.metadata
        return f"{meta.name} {meta.version}"

    def _show(self) -> None:
        meta = self._current.version.metadata
        trained_at = datetime.fromisoformat(meta.created_at).timestamp()
        challenger = self._current.challenger
        self._metrics.show_model(
            meta.name,
            meta.version,
            trained_at,
            None if challenger is None else challenger.version.metadata.version,
        )
