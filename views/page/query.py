"""What a reader has chosen, as it stands in the address: a link shows the same view again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import parse_qs

from core.names import PROFILES, CaseState, Severity
from views.periods import HOUR_MS, Bucket, Span, buckets_between
from views.store import AlertFilter

#: Ranges that end with the hour of the last event, and their lengths; ``all`` has none.
RANGES = {"24h": 24 * HOUR_MS, "7d": 168 * HOUR_MS, "30d": 720 * HOUR_MS, "90d": 2160 * HOUR_MS}
ALL = "all"
MEASURES = ("alerts", "share", "transactions")
FEED_STEP, FEED_MOST = 25, 500
FILTERS = ("severity", "country", "browser", "source", "device_id", "state")
#: More points than this a trend does not show; it takes the next coarser bucket. All months from
#: 1970 to 2200, which are the times there can be, are fewer.
POINTS_MOST = 2_800
_POINTS_AUTO = 130
_LONGEST = 256
_PARAMETERS_MOST = 64


@dataclass(frozen=True, slots=True)
class Query:
    """Choices of a reader.

    Attributes:
        profile: whose events.
        range: a key of ``RANGES``, ``all``, or "" where ``span`` was given.
        span: from and to, where given.
        bucket: of the trend; None: by the length of the period.
        measure: what the map shows, one of ``MEASURES``.
        wanted: which alerts the feed shows.
        rows: how many of them.
        alert: event id of the alert whose details are open, or "".
        problems: what the address holds that was not understood, for people.
    """

    profile: str
    range: str = ALL
    span: Span = field(default_factory=Span)
    bucket: Bucket | None = None
    measure: str = MEASURES[0]
    wanted: AlertFilter = field(default_factory=AlertFilter)
    rows: int = FEED_STEP
    alert: str = ""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Period:
    """The time that a query is about.

    Attributes:
        span: to ask the store for.
        from_ms, to_ms: where it begins and ends, for people; None: there are no events.
        before: the span of equal length in front of it; None: it begins with the data.
    """

    span: Span
    from_ms: int | None
    to_ms: int | None
    before: Span | None


def parse(search: str | None, default_profile: str) -> Query:
    """Read the part of an address that begins with ``?``; what is not understood is left out."""
    problems: list[str] = []
    try:
        given = parse_qs((search or "").removeprefix("?"), max_num_fields=_PARAMETERS_MOST)
    except ValueError:
        given = {}
        problems.append(f"the address has more than {_PARAMETERS_MOST} parameters; none was read")

    def one(name: str, known: tuple[str, ...] = ()) -> str:
        text = given.get(name, [""])[-1]
        if len(text) > _LONGEST or (text and known and text not in known):
            problems.append(f"{name}={text[:40]!r} is not known and was ignored")
            return ""
        return text

    def moment(name: str) -> int | None:
        text = one(name)
        try:
            return _milliseconds(text) if text else None
        except (ValueError, OverflowError):
            problems.append(f"{name}={text[:40]!r} is no date such as 2015-01-31 and was ignored")
            return None

    span = Span(moment("from"), moment("to"))
    ranged = one("range", (*RANGES, ALL)) or ALL
    if span.is_empty:
        problems.append("the period ends before it begins and was ignored")
        span = Span()
    custom = span != Span()
    bucket = one("bucket", tuple(Bucket))
    rows = one("rows")
    return Query(
        profile=one("profile", PROFILES) or default_profile,
        range="" if custom else ranged,
        span=span,
        bucket=Bucket(bucket) if bucket else None,
        measure=one("map", MEASURES) or MEASURES[0],
        wanted=AlertFilter(
            severity=one("severity", tuple(Severity)) or None,
            country=one("country") or None,
            browser=one("browser") or None,
            source=one("source") or None,
            device_id=one("device_id") or None,
            state=CaseState(state) if (state := one("state", tuple(CaseState))) else None,
        ),
        rows=min(max(int(rows), 1), FEED_MOST) if rows.isascii() and rows.isdigit() else FEED_STEP,
        alert=one("alert"),
        problems=tuple(problems),
    )


def period_of(query: Query, extent: tuple[int, int] | None) -> Period:
    """The span of a query.

    Args:
        query: of a reader.
        extent: times of the profile's first and last event; None: it has none.
    """
    if query.range in RANGES and extent is not None:
        to_ms = (extent[1] // HOUR_MS + 1) * HOUR_MS
        from_ms = to_ms - RANGES[query.range]
        return Period(Span(from_ms, to_ms), from_ms, to_ms, _before(from_ms, to_ms))
    given, before = query.span, None
    begin = given.from_ms if extent is None or given.from_ms is not None else extent[0]
    end = given.to_ms if extent is None or given.to_ms is not None else extent[1] + 1
    if given.from_ms is not None and end is not None:
        before = _before(given.from_ms, end)
    return Period(given, begin, end, before)


def bucket_of(query: Query, period: Period) -> tuple[Bucket, bool]:
    """The bucket of the trend, and whether it is coarser than the one that was asked for."""
    if period.from_ms is None or period.to_ms is None:
        return query.bucket or Bucket.DAY, False
    most = _POINTS_AUTO if query.bucket is None else POINTS_MOST
    wanted = query.bucket or Bucket.HOUR
    buckets = list(Bucket)
    for bucket in buckets[buckets.index(wanted) :]:
        if len(buckets_between(period.from_ms, period.to_ms, bucket, most)) <= most:
            return bucket, query.bucket is not None and bucket is not query.bucket
    return Bucket.MONTH, False


def _before(from_ms: int, to_ms: int) -> Span | None:
    return Span(2 * from_ms - to_ms, from_ms) if from_ms < to_ms else None


def _milliseconds(text: str) -> int:
    moment = datetime.fromisoformat(text)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    if not 1970 <= moment.year <= 2200:
        raise ValueError(text)
    return int(moment.timestamp() * 1000)
