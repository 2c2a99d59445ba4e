"""The way to a namespace's read models: what is asked of them, and what is changed.

Every question is answered from one moment, and every change is made as a whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.settings import Settings
from features.redis_client import Client, connect, said
from features.wire import SCAN_COUNT
from views.readmodel import scripts
from views.readmodel.layout import heartbeats, prefix
from views.readmodel.scripts import Command


@dataclass(frozen=True, slots=True)
class State:
    """A generation of a profile's read model, but for its events.

    Attributes:
        serving: the generation that answers, empty: none.
        forgotten: how many users were ever forgotten.
        cases: how often a case was changed.
        revision: how often answers have changed.
        first_ms, last_ms: event times of the first and the last event; None: there is none.
        horizon_ms: events before are only kept as sums; a whole hour.
        complete_from_ms: everything that happened since then is in it; None: everything.
        counted: how many messages were applied, repeated and unmatched.
        outcomes: ``tp``, ``fp``, ``fn``, ``tn`` → how many labels made an event that.
        offsets: ``topic:partition`` → next offset.
    """

    serving: str
    forgotten: int
    cases: int
    revision: int
    first_ms: int | None
    last_ms: int | None
    horizon_ms: int
    complete_from_ms: int | None
    counted: Mapping[str, int]
    outcomes: Mapping[str, int]
    offsets: Mapping[str, int]


class RedisModel:
    """The read models of a namespace; threads may share it.

    Args:
        settings: where Redis is, and the namespace.
    """

    def __init__(self, settings: Settings) -> None:
        self.namespace = settings.namespace
        self._url = settings.redis.get_secret_value()
        self._client: Client = None
        self._ask: Any = None
        self._apply: Any = None

    @property
    def client(self) -> Client:
        """Made when it is first used, so that Redis may come later."""
        if self._client is None:
            self._client = connect(self._url)
            self._ask = self._client.register_script(scripts.ASK)
            self._apply = self._client.register_script(scripts.APPLY)
        return self._client

    def ask(
        self, profile: str, commands: Sequence[Command] = (), generation: str = ""
    ) -> tuple[State, list[Any]]:
        """State and the replies to commands, all of one moment.

        Args:
            profile: whose.
            commands: see ``views.readmodel.scripts.ASK``.
            generation: that is asked; the one that answers unless given.

        Raises:
            StateError: Redis cannot be reached.
        """
        begin = prefix(self.namespace, profile)
        with said():
            client = self.client
            meta, state, offsets, found = self._ask(
                [f"{begin}meta"], [begin, generation, scripts.packed(commands)], client
            )
        return _state(_pairs(meta), _pairs(state), _pairs(offsets)), found

    def apply(
        self,
        profile: str,
        generation: str,
        state: State,
        commands: Sequence[Command],
        *,
        changes: bool = True,
        serving: bool = True,
    ) -> bool:
        """Carry out commands, unless something has changed since ``state`` was asked for.

        Args:
            profile: whose.
            generation: of which model.
            state: what the commands were made from.
            commands: see ``views.readmodel.scripts.APPLY``.
            changes: whether any answer may be another one after that.
            serving: whether the generation has to be the one that answers.

        Returns:
            Whether they were carried out.

        Raises:
            StateError: Redis cannot be reached; they may have been carried out.
        """
        begin = prefix(self.namespace, profile)
        arguments = [
            begin, generation, state.revision, state.forgotten,
            int(serving), int(changes), scripts.packed(commands),
        ]  # fmt: skip
        with said():
            client = self.client
            return bool(self._apply([f"{begin}meta"], arguments, client))

    def first_generation(self, profile: str, name: str) -> None:
        """Let ``name`` answer unless another does already."""
        with said():
            self.client.hsetnx(f"{prefix(self.namespace, profile)}meta", "generation", name)

    def serve(self, profile: str, generation: str) -> None:
        """From now on this generation answers."""
        with said():
            self.client.hset(f"{prefix(self.namespace, profile)}meta", "generation", generation)

    def delete(self, profile: str, generation: str) -> None:
        """Delete a generation."""
        begin = prefix(self.namespace, profile)
        with said():
            self._unlink(list(self._keys(f"{begin}{generation}:*")))

    def delete_others(self, profile: str, generation: str) -> int:
        """Delete every key of a profile's generations other than this one; how many there were."""
        begin = prefix(self.namespace, profile)
        # Only a key with the generation in it; meta, cases and the forgotten belong to all of them.
        spared = (f"{begin}{generation}:".encode(), f"{begin}meta".encode(),
                  f"{begin}forgotten".encode(), f"{begin}cases".encode())  # fmt: skip
        with said():
            doomed = [key for key in self._keys(f"{begin}*") if not key.startswith(spared)]
            return self._unlink(doomed)

    def _keys(self, pattern: str) -> Iterator[bytes]:
        return iter(self.client.scan_iter(match=pattern, count=SCAN_COUNT))

    def _unlink(self, keys: Sequence[bytes]) -> int:
        return sum(
            self.client.unlink(*keys[start : start + SCAN_COUNT])
            for start in range(0, len(keys), SCAN_COUNT)
        )

    def forgotten(self, profile: str) -> dict[bytes, int]:
        """Digest of each forgotten user → the moment, milliseconds since 1970."""
        with said():
            found = self.client.hgetall(f"{prefix(self.namespace, profile)}forgotten")
        return {digest: int(moment) for digest, moment in found.items()}

    def forget(self, profile: str, digest: bytes, moment_ms: int) -> None:
        """Note a forgotten user; whoever is at work on a change has to begin again."""
        begin = prefix(self.namespace, profile)
        with said():
            pipeline = self.client.pipeline(transaction=True)
            pipeline.hset(f"{begin}forgotten", digest, moment_ms)
            pipeline.hincrby(f"{begin}meta", "forgotten", 1)
            pipeline.execute()

    def salt(self, profile: str, proposed: bytes) -> bytes:
        """What forgotten users are hashed with; ``proposed`` where there is none yet."""
        meta = f"{prefix(self.namespace, profile)}meta"
        with said():
            self.client.hsetnx(meta, "salt", proposed)
            return bytes(self.client.hget(meta, "salt"))

    def beat(self, who: str, heartbeat: bytes) -> None:
        """Note what a projector says of itself."""
        with said():
            self.client.hset(heartbeats(self.namespace), who, heartbeat)

    def beats(self) -> dict[str, bytes]:
        """Who → what it last said."""
        with said():
            found = self.client.hgetall(heartbeats(self.namespace))
        return {who.decode(): heartbeat for who, heartbeat in found.items()}

    def lost_beats(self, who: Sequence[str]) -> None:
        """Forget what those said."""
        with said():
            self.client.hdel(heartbeats(self.namespace), *who)

    def close(self) -> None:
        """Give up all connections."""
        if self._client is not None:
            self._client.close()
            self._client = None


def _pairs(flat: Sequence[bytes]) -> dict[str, bytes]:
    return {name.decode(): value for name, value in zip(flat[::2], flat[1::2], strict=True)}


def _state(
    meta: Mapping[str, bytes], state: Mapping[str, bytes], offsets: Mapping[str, bytes]
) -> State:
    def number(name: str) -> int | None:
        return int(state[name]) if name in state else None

    def numbered(kind: str) -> dict[str, int]:
        return {
            name.removeprefix(kind): int(value)
            for name, value in state.items()
            if name.startswith(kind)
        }

    return State(
        serving=meta.get("generation", b"").decode(),
        forgotten=int(meta.get("forgotten", 0)),
        cases=int(meta.get("cases", 0)),
        revision=number("revision") or 0,
        first_ms=number("first"),
        last_ms=number("last"),
        horizon_ms=number("horizon") or 0,
        complete_from_ms=number("complete_from"),
        counted=numbered("n:"),
        outcomes=numbered("l:"),
        offsets={where: int(offset) for where, offset in offsets.items()},
    )
