"""What the address of the page may hold, and what follows from it."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from dash import html
from hypothesis import given
from hypothesis import strategies as st

from views.page import text
from views.page.markup import plain
from views.page.query import POINTS_MOST, RANGES, bucket_of, parse, period_of
from views.periods import HOUR_MS, Bucket, Span, buckets_between

NAMES = ("profile", "range", "from", "to", "bucket", "map", "rows", "alert", "severity", "country")
TIMES = st.integers(0, 7_258_118_400_000)  # to the end of 2199


@given(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=300)))
def test_any_address_is_read(given_: dict[str, str]) -> None:
    query = parse("?" + urlencode(given_, errors="replace"), "ecommerce")
    assert query.profile in {"ecommerce", "banking"}
    assert not query.span.is_empty
    assert 1 <= query.rows <= 500


@given(st.sampled_from(sorted(RANGES)), TIMES, TIMES)
def test_a_range_ends_with_the_last_event_and_has_an_equal_one_before(
    name: str, one: int, other: int
) -> None:
    first, last = sorted((one, other))
    period = period_of(parse(f"?range={name}", "ecommerce"), (first, last))
    begin, end = period.span.from_ms, period.span.to_ms
    assert begin is not None
    assert end is not None
    assert end - begin == RANGES[name]
    assert end - HOUR_MS <= last < end
    assert period.before == Span(2 * begin - end, begin)


@given(st.sampled_from(["", *Bucket]), TIMES, TIMES)
def test_a_trend_never_has_more_points_than_can_be_drawn(name: str, one: int, other: int) -> None:
    query = parse(f"?bucket={name}", "ecommerce")
    period = period_of(query, (min(one, other), max(one, other)))
    bucket, coarser = bucket_of(query, period)
    assert period.from_ms is not None
    assert period.to_ms is not None
    assert len(buckets_between(period.from_ms, period.to_ms, bucket, POINTS_MOST)) <= POINTS_MOST
    assert coarser == (name not in {"", bucket})


def test_dates_are_utc_and_the_end_is_exclusive() -> None:
    query = parse("?from=1970-01-02&to=1970-01-03T01:00Z&range=7d", "ecommerce")
    assert query.span == Span(24 * HOUR_MS, 49 * HOUR_MS)
    assert query.range == ""


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0, "0.0 %"), (0.0004, "0.04 %"), (1.0, "100.0 %"), (0.9999, "99.99 %")]
)
def test_what_is_not_all_or_nothing_is_not_written_as_such(value: float, shown: str) -> None:
    assert text.percent(value) == shown


@given(st.text())
def test_texts_are_no_markup(hostile: str) -> None:
    assert plain(html.B(hostile)) == [["b", {}, [hostile]]]
    assert not set(text.for_plotly(hostile)) & set("<>")
