"""Scorecards out of the read model: all of a span, of one moment."""

from __future__ import annotations

from views.periods import Span
from views.readmodel.redis_model import RedisModel
from views.readmodel.scripts import Command
from views.scorecard import days_of, empty
from views.store import Scorecards


def scorecards_of(model: RedisModel, profile: str, span: Span) -> Scorecards:
    """The scorecards of the days of a span.

    Which there are is known from the question before; where that has changed, it is put anew.

    Args:
        model: the namespace's.
        profile: whose.
        span: of whole days.

    Raises:
        SpanError: it begins or ends within a day.
        StateError: Redis cannot be reached.
    """
    first, last = days_of(span)
    which: Command = ("ZRANGEBYSCORE", "w", first, f"({last}")
    state, (there,) = model.ask(profile, [which])
    while True:
        known = there
        asked = [("HGETALL", f"p:{one.decode()}") for one in known]
        state, (there, *found) = model.ask(profile, [which, *asked])
        if there == known:
            break
    cards = {}
    for one, pairs in zip(known, found, strict=True):
        if pairs:
            day, _, version = one.decode().partition(":")
            card = cards[int(day), version] = empty()
            card[list(map(int, pairs[::2]))] = list(map(int, pairs[1::2]))
    return Scorecards(state.last_ms, dict(sorted(cards.items())))
