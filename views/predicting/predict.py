"""Scores for events that are asked about: the champion's, from the state as it is now.

Promise: the state is read and never changed; score, decision, severity, threshold, control and
reasons of an event are those that a worker with the same champion would publish if it came now.
(Reasons: of more than ``MOST_EXPLAINED`` alerts in one micro-batch a worker asks the model for the
first ones only; here every alert has the model's.) Events of one request are not in each other's
past. Steps:

1. validate as the stream does: what it would set aside is refused with the same code;
2. look at the logs of the events' entities;
3. compute features and decide by the champion.

A thread follows the registry's pointers: another champion that fits takes over between two
requests, one that does not is refused, once and in the log, and what was in use stays.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import orjson

from core.errors import FraudstreamError, ModelError, RejectedEvent, RulesError, StateError
from core.names import PROFILES, Decision, RejectCode
from core.settings import Settings
from features.batch import EventBatch, empty_batch
from features.countries import CountryTable
from features.formulas import feature_matrix
from features.known import Known, country_codes, own_columns
from features.offline import compute_features
from features.validation import decode, to_batch
from model.deciding import MOST_EXPLAINED, Decider, load_decider
from model.lists.followed import FollowedLists
from model.lists.lists import NO_LISTS
from model.lists.store import ListStore
from model.overrides import Overrides
from model.registry import Registry
from model.rules.followed import FollowedRules
from views.predicting.grouped import Grouped
from views.predicting.past import Past
from views.predicting.prediction import GROUP, Asked, NoChampionError, Predicted

_log = logging.getLogger(__name__)
#: Seconds between looks at the pointers, small files.
_POLL_S = 2.0


class Predictor:
    """Scores events of every profile that has a champion; ``predict`` may be called by any thread.

    Args:
        settings: registry, thresholds, how far ahead of the clock an event may be.
        countries: the IP table.
        past: of the events; only looked at.
        lists: whether there are lists in Redis, which decide beside the model.
    """

    def __init__(
        self, settings: Settings, countries: CountryTable, past: Past, *, lists: bool = False
    ) -> None:
        self._settings = settings
        self._countries = countries
        self._past = past
        self._registry = Registry(settings.models)
        self._deciders: dict[str, Decider] = {}
        self._rules: dict[str, FollowedRules] = {}
        self._refused: dict[str, str] = {}
        self._lists = {
            profile: FollowedLists(ListStore(settings.model_copy(update={"profile": profile})))
            for profile in (PROFILES if lists else ())
        }
        self._grouped = {
            profile: Grouped(partial(self.together, profile), GROUP) for profile in PROFILES
        }
        self.look_for_champions()
        for profile in self._deciders:
            # The compiled kernel is slow the first time; not while somebody waits.
            compute_features(empty_batch(profile), countries)

    def follow(self) -> None:
        """Keep up with the registry in a thread of its own, until the process ends."""

        def keep_up() -> None:
            while True:
                time.sleep(_POLL_S)
                self.look_for_champions()

        threading.Thread(target=keep_up, name="champions", daemon=True).start()

    def look_for_champions(self) -> None:
        """Take up each champion that is another one and fits; say once why one does not."""
        for profile in PROFILES:
            used = self._deciders.get(profile)
            self._look_at_rules(profile)
            self._look_at_lists(profile)
            try:
                name = self._registry.pointer(profile)
                if name is None or (used is not None and name == used.version.metadata.version):
                    self._refused.pop(profile, None)
                    continue
                decider = load_decider(self._settings, profile, self._countries)
                # A file that cannot be used at the start is refused with the champion.
                rules = self._rules.get(profile) or FollowedRules(self._settings.rules, profile)
                self._rules[profile] = rules
                lists = self._lists[profile].current if profile in self._lists else NO_LISTS
                self._deciders[profile] = decider.with_overrides(Overrides(rules.current, lists))
            except Exception as error:  # a runtime that chokes on a graph raises what it likes
                if str(error) != self._refused.get(profile):
                    self._refused[profile] = str(error)
                    _log.error("/predict does not use the %s champion: %s", profile, error)
                continue
            self._refused.pop(profile, None)
            _log.info("/predict uses %s model %s", profile, name)

    def _look_at_rules(self, profile: str) -> None:
        """Take up other rules of the file; say once why they cannot be used."""
        rules, used = self._rules.get(profile), self._deciders.get(profile)
        if rules is None or used is None:
            return
        try:
            if not rules.changed():
                return
        except RulesError as error:
            _log.error("/predict keeps the %s rules that it has: %s", profile, error)
            return
        self._deciders[profile] = used.with_overrides(replace(used.overrides, rules=rules.current))
        _log.info("/predict uses other %s rules: %d", profile, len(rules.current))

    def _look_at_lists(self, profile: str) -> None:
        """Take up what has changed; while Redis is away, what is known stays."""
        lists = self._lists.get(profile)
        if lists is None:
            return
        try:
            changed = lists.changed()
        except StateError as error:  # what asks for the state says so, too
            _log.debug("/predict keeps the %s lists that it has: %s", profile, error)
            return
        used = self._deciders.get(profile)
        if changed and used is not None:
            overrides = replace(used.overrides, lists=lists.current)
            self._deciders[profile] = used.with_overrides(overrides)
            _log.info("/predict uses other %s lists: %d entries", profile, len(lists.current))

    def predict(
        self, profile: str, raw: Sequence[bytes], now_ms: int
    ) -> list[Predicted | RejectedEvent]:
        """See ``views.predicting.prediction.Predicts``."""
        return self._grouped[profile]([(one, now_ms) for one in raw])

    def together(self, profile: str, asked: list[Asked]) -> list[Predicted | RejectedEvent]:
        """As ``predict``, of events that several callers may have asked about."""
        decider = self._deciders.get(profile)
        if decider is None:
            raise self._no_champion(profile)
        raw = [one for one, _ in asked]
        clocks = [now_ms for _, now_ms in asked]
        decoded = decode(profile, raw, clocks, 1000 * self._settings.max_future_s)
        found: dict[int, Predicted | RejectedEvent] = dict(decoded.rejected)
        rows = [row for row in range(len(raw)) if row not in decoded.rejected]
        if rows:
            batch = to_batch(profile, [event for event in decoded.event if event is not None])
            found.update(zip(rows, self._outcomes(decider, batch), strict=True))
        return [found[row] for row in range(len(raw))]

    def _outcomes(self, decider: Decider, batch: EventBatch) -> Iterator[Predicted | RejectedEvent]:
        country = country_codes(batch, self._countries)
        step = self._past.look(batch, country)
        matrix = feature_matrix(Known(own_columns(batch, country), step.quantities))
        for begin in range(0, len(batch), MOST_EXPLAINED):
            part = batch
            if len(batch) > MOST_EXPLAINED:
                part = batch.take(np.arange(begin, min(begin + MOST_EXPLAINED, len(batch))))
            decided = decider.decide(
                matrix[begin : begin + MOST_EXPLAINED],
                part,
                country[begin : begin + MOST_EXPLAINED],
            )
            for at, event_id in enumerate(part.event_id):
                if step.conflict[begin + at]:
                    yield _conflict(event_id)
                    continue
                alerted = decided.decision[at] != Decision.ALLOW
                predicted = {
                    "event_id": event_id,
                    "score": decided.score[at],
                    "decision": decided.decision[at],
                    "severity": decided.severity[at] if alerted else None,
                    "threshold": _crossed(decided.threshold[at]) if alerted else None,
                    "control": bool(decided.control[at]),
                    "reasons": decided.reasons[at],
                    "model": decider.model,
                    "error": None,
                }
                yield orjson.dumps(predicted, option=orjson.OPT_SERIALIZE_NUMPY)

    def _no_champion(self, profile: str) -> FraudstreamError:
        if profile in self._refused:
            return ModelError(self._refused[profile])
        return NoChampionError(
            f"no {profile} model in use under {self._settings.models}: train one with "
            f"`fraudstream train CSV --profile {profile}`, or set FRAUDSTREAM_MODELS"
        )


def _crossed(threshold: np.float64) -> float | None:
    """None where a rule alone asks for the alert."""
    return None if np.isnan(threshold) else float(threshold)


def _conflict(event_id: str) -> RejectedEvent:
    return RejectedEvent(
        RejectCode.DUPLICATE_CONFLICT,
        f"event_id {event_id!r:.80} is known with another time or amount: give every event an id "
        "of its own",
        "event_id",
    )
