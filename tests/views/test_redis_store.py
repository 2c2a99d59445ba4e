"""The read model answers as a file with the same events does, however the messages came."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from core.settings import Settings
from tests.views.read_model import (
    SPAN_HOURS,
    START_MS,
    Message,
    Topic,
    assert_same,
    expected,
    histories,
    read_model,
    take,
)
from views.periods import HOUR_MS, Span

_MOMENTS = st.one_of(
    st.none(),
    st.integers(START_MS - HOUR_MS, START_MS + (SPAN_HOURS + 1) * HOUR_MS),
    st.integers(-1, SPAN_HOURS + 1).map(lambda hour: START_MS + hour * HOUR_MS),
)
SPANS = st.lists(st.builds(Span, _MOMENTS, _MOMENTS), max_size=3)


@given(
    messages=histories(),
    batches=st.lists(st.tuples(st.integers(1, 8), st.integers(0, 5)), max_size=12),
    spans=SPANS,
)
@examples(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_repetition_and_batching_gives_the_answers_of_a_file(
    settings: Settings,
    messages: list[Message],
    batches: Sequence[tuple[int, int]],
    spans: list[Span],
) -> None:
    with read_model(settings) as (intake, store):
        topic = Topic("x", messages).all
        at = 0
        for size, back in batches:
            take(intake, topic[max(0, at - back) : at + size])  # offsets tell what is read again
            at = min(at + size, len(topic))
        take(intake, topic[at:])
        assert_same(store, expected(messages), spans)
