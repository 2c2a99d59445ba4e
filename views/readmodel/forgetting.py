"""Records without the people that they were about."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from views.periods import HOUR_MS
from views.readmodel.layout import Kept, alert_of, alerts_key, pack, unpack
from views.readmodel.projection import Forgotten, device_removal
from views.readmodel.redis_model import RedisModel, State
from views.readmodel.scripts import Command, binary
from views.readmodel.tallies import Tallies

_CHUNK = 500


class Superseded(Exception):  # noqa: N818 - not an error: it is to be done with another one
    """Another generation answers now."""


def known_forgotten(model: RedisModel, profile: str) -> Forgotten:
    """Whom the read model of a profile has forgotten.

    Raises:
        StateError: Redis cannot be reached.
    """
    return Forgotten(model.salt(profile, b""), model.forgotten(profile))


def scrub(
    model: RedisModel, profile: str, generation: str, forgotten: Forgotten, *, serving: bool = True
) -> tuple[int, int]:
    """Take user and device out of the records of forgotten users' pasts, and delete their alerts.

    Sums stay as they are, but for those of devices: the events are no device's any more.

    Args:
        model: the namespace's.
        profile: whose read model.
        generation: of it.
        forgotten: users.
        serving: whether the generation has to be the one that answers.

    Returns:
        How many records were changed and alerts deleted.

    Raises:
        Superseded: another generation answers now.
        StateError: Redis cannot be reached; some may be done.
    """
    scrubber = _Scrubber(model, profile, generation, forgotten, serving)
    return scrubber.records(), scrubber.alerts()


class _Scrubber:
    def __init__(
        self, model: RedisModel, profile: str, generation: str, forgotten: Forgotten, serving: bool
    ) -> None:
        self._model = model
        self._profile = profile
        self._generation = generation
        self._forgotten = forgotten
        self._serving = serving

    def records(self) -> int:
        """Change the records; how many."""
        changed = 0
        for period in self._ask([("ZRANGE", "h", 0, -1)])[1][0]:
            level, _, hour = period.decode().partition(":")
            if level != "h":
                continue
            cursor = 0
            while True:
                asked: Command = ("HSCAN", f"r:{hour}", cursor, "COUNT", _CHUNK)
                at, pairs = self._ask([asked])[1][0]
                mine = [
                    event_id.decode()
                    for event_id, packed in zip(pairs[::2], pairs[1::2], strict=True)
                    if self._is_forgotten(unpack(packed))
                ]
                for begin in range(0, len(mine), _CHUNK):
                    changed += self._change(hour, mine[begin : begin + _CHUNK])
                cursor = int(at)
                if cursor == 0:
                    break
        return changed

    def alerts(self) -> int:
        """Delete the alerts; how many there were."""
        deleted = 0
        lowest = b"-"
        while True:
            asked: Command = (
                "ZRANGEBYLEX", "x", binary(lowest), "+", "LIMIT", 0, _CHUNK,
            )  # fmt: skip
            members = self._ask([asked])[1][0]
            commands: list[Command] = []
            for one in members:
                place, facets = alert_of(one)
                if self._forgotten.has(facets.user_id, place.time_ms):
                    key = alerts_key(place.event_id)
                    commands += (("HDEL", key, place.event_id), ("ZREM", "x", binary(one)))
            if commands:
                deleted += len(commands) // 2
                while not self._apply(self._ask([])[0], commands):
                    pass  # they are deleted whatever else has changed
            if len(members) < _CHUNK:
                return deleted
            lowest = b"(" + members[-1]

    def _change(self, hour: str, event_ids: list[str]) -> int:
        """Change records of an hour, as they are now."""
        while True:
            state, found = self._ask([("HGET", f"r:{hour}", one) for one in event_ids])
            commands: list[Command] = []
            tallies = Tallies()
            changed = 0
            for event_id, packed in zip(event_ids, found, strict=True):
                kept = None if packed is None else unpack(packed)
                if kept is None or not self._is_forgotten(kept):
                    continue
                bare = structs.replace(kept, user_id=None, device_id=None)
                commands.append(("HSET", f"r:{hour}", event_id, binary(pack(bare))))
                changed += 1
                if kept.device_id is not None:
                    commands.append(device_removal(event_id, kept))
                    if kept.hour * HOUR_MS >= state.horizon_ms:  # otherwise there are no sums
                        tallies.unflag(kept)
            commands += tallies.commands()
            if not commands or self._apply(state, commands):
                return changed

    def _is_forgotten(self, kept: Kept) -> bool:
        return kept.time_ms is not None and self._forgotten.has(kept.user_id, kept.time_ms)

    def _ask(self, commands: list[Command]) -> tuple[State, list[Any]]:
        state, found = self._model.ask(self._profile, commands, self._generation)
        if self._serving and state.serving != self._generation:
            raise Superseded
        return state, found

    def _apply(self, state: State, commands: list[Command]) -> bool:
        return self._model.apply(
            self._profile, self._generation, state, commands, serving=self._serving
        )
