"""Records that the horizon has passed are deleted, what leads to them, and cases; sums stay.

Answers do not change by it: whatever is behind the horizon is left out of them already.
"""

from __future__ import annotations

from typing import Any

from views.counts import Dimension
from views.periods import HOUR_MS
from views.readmodel.cases import Cases
from views.readmodel.layout import (
    DIMENSIONS,
    Kept,
    alert_of,
    alerts_key,
    index_entry,
    member,
    unpack,
)
from views.readmodel.projection import device_removal
from views.readmodel.redis_model import RedisModel, State
from views.readmodel.scripts import Command, binary
from views.store import Place

#: So many records go in one step.
_CHUNK = 500


class Expiry:
    """Deletes what is behind the horizon of a generation, step by step.

    Args:
        model: the namespace's.
        profile: whose.
        generation: of which read model.
        serving: whether the generation has to be the one that answers.
    """

    def __init__(
        self, model: RedisModel, profile: str, generation: str, *, serving: bool = True
    ) -> None:
        self._model = model
        self._cases = Cases(model)
        self._profile = profile
        self._generation = generation
        self._serving = serving
        self._done_to = -1

    def step(self) -> bool:
        """Delete some; whether there is more to do.

        Raises:
            StateError: Redis cannot be reached; the next step goes on.
        """
        state, _ = self._ask([])
        if state.horizon_ms <= self._done_to:
            return False
        hour = state.horizon_ms // HOUR_MS
        lowest, highest = b"-", b"(" + member(Place(state.horizon_ms, ""))
        state, (periods, alerts) = self._ask(
            [
                ("ZRANGEBYSCORE", "h", "-inf", hour, "LIMIT", 0, 1),
                ("ZRANGEBYLEX", "x", binary(lowest), binary(highest), "LIMIT", 0, _CHUNK),
            ]
        )
        if not periods and not alerts:
            self._done_to = state.horizon_ms
            return False
        if self._serving:
            # Before the alerts, so that a case never outlives the way to it.
            self._cases.delete(self._profile, [alert_of(one)[0].event_id for one in alerts])
        commands = _alerts_gone(alerts)
        if periods:
            state, more = self._period_gone(periods[0].decode())
            commands += more
        # Should it be refused because the state has changed, the next step does it.
        self._model.apply(
            self._profile,
            self._generation,
            state,
            commands,
            changes=False,
            serving=self._serving,
        )
        return True

    def _period_gone(self, period: str) -> tuple[State, list[Command]]:
        """Records of an hour, or what is kept of devices in a period without records."""
        commands: list[Command] = []
        state, ((_, pairs),) = self._ask([("HSCAN", _records(period), 0, "COUNT", _CHUNK)])
        waited = 0
        for event_id, packed in zip(pairs[::2], pairs[1::2], strict=True):
            kept = unpack(packed)
            waited += kept.time_ms is None
            commands += _record_gone(event_id.decode(), kept)
        if waited:
            commands.append(("ADD", "m", "n:unmatched:label", waited))
        if not pairs:
            devices = f"{DIMENSIONS[Dimension.DEVICE]}{period}"
            commands += (("ZREM", "h", period), ("UNLINK", devices))
        return state, commands

    def _ask(self, commands: list[Command]) -> tuple[State, list[Any]]:
        return self._model.ask(self._profile, commands, self._generation)


def _records(period: str) -> str:
    """Key of a period's records; days and months have none of their own."""
    return period.replace("h", "r", 1)


def _record_gone(event_id: str, kept: Kept) -> list[Command]:
    bucket, rest = index_entry(event_id)
    found: list[Command] = [
        ("HDEL", f"r:{kept.hour}", event_id),
        ("HDEL", f"i:{bucket}", binary(rest)),
    ]
    if kept.device_id is not None:
        found.append(device_removal(event_id, kept))
    return found


def _alerts_gone(members: list[bytes]) -> list[Command]:
    found: list[Command] = []
    for one in members:
        event_id = alert_of(one)[0].event_id
        found += (("HDEL", alerts_key(event_id), event_id), ("ZREM", "x", binary(one)))
    return found
