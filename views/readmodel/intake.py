"""Messages into a profile's read model, each exactly once.

One batch: ask what is known of its events, and the offsets up to which messages have been taken in;
leave out those below; compute what the others change; carry that out together with the new offsets,
unless something has changed since the question, in which case begin again. So neither a crash
anywhere nor another projector on the same partition can count anything twice or leave it out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from views.readmodel.incoming import AlertSeen, Incoming
from views.readmodel.layout import alerts_key, index_entry, unpack
from views.readmodel.projection import Forgotten, Known, project
from views.readmodel.redis_model import RedisModel, State
from views.readmodel.scripts import Command, binary

#: Most messages of a batch: Redis does nothing else while it carries one out.
MOST = 500


class GenerationGone(Exception):  # noqa: N818 - not an error: another one answers now
    """The generation that was to be changed answers no more."""


class Intake:
    """Takes messages into one generation of a profile's read model.

    Attributes:
        catching_up: whether messages may be long behind others; the horizon stays where it is then.

    Args:
        model: the namespace's.
        profile: whose messages.
        generation: that is written.
        days: how long records are kept.
        serving: whether the generation has to be the one that answers.
    """

    def __init__(
        self, model: RedisModel, profile: str, generation: str, days: int, *, serving: bool = True
    ) -> None:
        self._model = model
        self._profile = profile
        self._generation = generation
        self._days = days
        self._serving = serving
        self.catching_up = False
        self._forgotten: tuple[int, Forgotten] = (0, Forgotten())

    def offsets(self) -> Mapping[str, int]:
        """``topic:partition`` → next offset; those that are missing begin at the beginning."""
        return self._ask([])[0].offsets

    def take(
        self,
        messages: Sequence[Incoming],
        positions: Mapping[str, int],
        complete_from: int | None = None,
    ) -> Counter[str]:
        """Take messages in.

        Args:
            messages: at most ``MOST``, those of a partition in its order.
            positions: ``topic:partition`` → offset up to which all messages of this profile are
                taken in after that.
            complete_from: messages were lost before this one event's, milliseconds since 1970.

        Returns:
            How many were applied, repeated and unmatched (see ``views.readmodel.projection``).

        Raises:
            GenerationGone: another generation answers now.
            StateError: Redis cannot be reached; the messages may have been taken in.
        """
        while True:
            state, commands, changes, counted = self._changes(messages)
            if complete_from is not None:
                commands.append(("RAISE", "m", "complete_from", complete_from))
            if not commands and all(
                state.offsets.get(where, -1) >= offset for where, offset in positions.items()
            ):
                return counted
            raised: list[str | int] = []
            for where, offset in positions.items():
                raised += (where, offset)
            if self._model.apply(
                self._profile,
                self._generation,
                state,
                [*commands, ("RAISE", "o", *raised)],
                changes=changes,
                serving=self._serving,
            ):
                return counted

    def _changes(
        self, messages: Sequence[Incoming]
    ) -> tuple[State, list[Command], bool, Counter[str]]:
        state, found = self._ask([_asked(one) for one in messages])
        records = {}
        alerts = set()
        fresh = []
        for message, reply in zip(messages, found, strict=True):
            if message.offset < state.offsets.get(message.where, 0):
                continue
            fresh.append(message)
            event_id = message.seen.event_id
            if type(message.seen) is AlertSeen:
                if reply:
                    alerts.add(event_id)
            elif reply is not None:
                records[event_id] = unpack(reply)
        if not fresh:
            return state, [], False, Counter()
        known = Known(
            first_ms=state.first_ms,
            last_ms=state.last_ms,
            horizon_ms=state.horizon_ms,
            records=records,
            alerts=frozenset(alerts),
            forgotten=self._known_forgotten(state),
        )
        projection = project(fresh, known, None if self.catching_up else self._days)
        return state, projection.commands(), projection.changes, projection.counted

    def _ask(self, commands: Sequence[Command]) -> tuple[State, list[Any]]:
        state, found = self._model.ask(self._profile, commands, self._generation)
        if self._serving and state.serving != self._generation:
            raise GenerationGone
        return state, found

    def _known_forgotten(self, state: State) -> Forgotten:
        """The forgotten users; read anew where there are more of them than before."""
        if state.forgotten != self._forgotten[0]:
            salt = self._model.salt(self._profile, b"")
            found = Forgotten(salt, self._model.forgotten(self._profile))
            self._forgotten = (state.forgotten, found)
        return self._forgotten[1]


def _asked(message: Incoming) -> Command:
    event_id = message.seen.event_id
    if type(message.seen) is AlertSeen:
        return ("HEXISTS", alerts_key(event_id), event_id)
    bucket, rest = index_entry(event_id)
    return ("FIND", bucket, binary(rest), event_id)
