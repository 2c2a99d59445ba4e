"""Traps in time: clocks among the columns, fraud that comes and goes, equal times, late labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy
from scipy.stats import rankdata

from core.names import DAY_MS
from features.iso_times import iso_time
from model.exploration.events import Events
from model.exploration.finding import Figure, Finding, Weight, percent, with_interval
from model.exploration.shares import (
    Share,
    correlation_of_ranks,
    fraud_share,
    rank_correlation,
    separation,
    share_of,
)
from model.exploration.summary import TimeCourse
from model.figures import counted

#: |Spearman's ρ| with event time from which a column is a clock, and from which it is half of one.
CLOCK, HALF_CLOCK = 0.9, 0.5
#: ROC AUC, or 1 minus it, from which the mere order of events tells fraud.
_ORDER_TELLS = 0.6
#: Where the test part of the evaluation in time begins (``model.fitting.splits``).
_TRAINED_SHARE = 0.7
#: G of the best of some hundred moments that chance exceeds about once in a thousand files.
_SURE_CHANGE = 25.0
_FACTOR_TRAP, _FACTOR_NOTE = 2.0, 1.25
#: Labelled events that either side of a change has.
_SIDE = 50
_STEPS = {"day": DAY_MS, "hour": 3_600_000, "minute": 60_000, "second": 1000}


def clocks(events: Events) -> Finding:
    """Columns that rise or fall with time: a model learns the date from them."""
    time = rankdata(events.time_ms)
    columns = {one.name: one.values for one in events.numbers} | _number_like_ids(events)
    if "signup_ms" in events.batch.number:
        columns["signup_time"] = events.batch.number["signup_ms"]
    rho = {name: _with_ranks(values, time) for name, values in columns.items()}
    rising = [name for name, values in columns.items() if _never_falls(values)]
    moving = {name: one for name, one in rho.items() if one is not None and abs(one) >= HALF_CLOCK}
    acting = [name for name in columns if name in rising or abs(moving.get(name, 0)) >= CLOCK]
    figures: dict[str, Figure] = {f"rank_correlation_{name}": one for name, one in rho.items()}
    known = [abs(one) for one in rho.values() if one is not None]
    if not moving and not rising:
        top = f"The largest rank correlation with time is {max(known):.2f}." if known else ""
        return Finding("clocks", Weight.CLEAR, "No column acts as a clock.", top, "", figures)
    listed = ", ".join(f"{name} {one:+.2f}" for name, one in moving.items())
    text = f"Rank correlation with event time: {listed}. " if listed else ""
    if rising:
        text += f"In time order {', '.join(rising)} never falls, as a running total does. "
    named = acting or list(moving)
    one = len(named) == 1
    verb = ("acts as a clock" if one else "act as clocks") if acting else "moves with time"
    return Finding(
        "clocks",
        Weight.TRAP if acting else Weight.NOTE,
        f"{', '.join(named)} {verb if acting or one else 'move with time'}.",
        text + "A model can read the date from such a column, and later dates are new to it.",
        "Do not give a clock to a model as it stands: use its distance to the event time, and see "
        "whether that still tells fraud in a later part of the file.",
        figures,
    )


def order_of_events(events: Events) -> Finding | None:
    """What a running total would seem to be worth, and what it is worth later."""
    if not events.both_classes:
        return None
    position = np.arange(len(events), dtype=np.float64)
    whole = separation(position, events.label)
    cut = int(_TRAINED_SHARE * len(events))
    late = separation(position[cut:], events.label[cut:])
    figures: dict[str, Figure] = {"auc_whole_file": whole, "auc_last_30pct": late}
    if events.country is not None:
        figures["auc_country_total"] = separation(_running(events.country), events.label)
        figures["auc_country_total_last_30pct"] = separation(
            _running(events.country)[cut:], events.label[cut:]
        )
    assert whole is not None  # noqa: S101 - both classes occur
    later = "has one class only" if late is None else f"has {_folded(late):.2f}"
    by_country = figures.get("auc_country_total")
    country = (
        f" A running total per country has {_folded(float(by_country)):.2f}."
        if isinstance(by_country, float)
        else ""
    )
    tells = _folded(whole) >= _ORDER_TELLS
    return Finding(
        "order_of_events",
        Weight.TRAP if tells else Weight.CLEAR,
        "The mere position in time tells fraud from honest."
        if tells
        else "The position in time does not tell fraud from honest.",
        f"The number of events so far, a running total that knows nothing of any customer, has "
        f"ROC AUC {_folded(whole):.2f} over the whole file (0.5: worthless); within the last 30 % "
        f"of the events it {later}.{country}",
        "Leave running totals out: on a random split they look superb, in time they are worth "
        "little. Use windows (last hour, last day)."
        if tells
        else "",
        figures,
    )


def rate_over_time(events: Events, course: TimeCourse) -> Finding | None:
    """The moment at which the rate of fraud changed most."""
    if not events.both_classes:
        return None
    cut = int(_TRAINED_SHARE * len(events))
    first, last = fraud_share(events.label[:cut]), fraud_share(events.label[cut:])
    change = _change(events, course)
    figures: dict[str, Figure] = {
        "fraud_share_first_70pct": first.value if first else None,
        "fraud_share_last_30pct": last.value if last else None,
    }
    ends = (
        f" The first 70 % of the events in time hold {percent(first.value)} fraud, the last 30 % "
        f"{percent(last.value)}."
        if first and last
        else ""
    )
    if change is None:
        return Finding(
            "rate_over_time",
            Weight.CLEAR,
            "The rate of fraud is steady.",
            ends.strip(),
            "",
            figures,
        )
    day = iso_time(change.at_ms)[: 10 if course.unit in ("day", "week", "year") else 16]
    day = day.replace("T", " ")
    figures |= {
        "changed_at": iso_time(change.at_ms),
        "fraud_share_before": change.before.value,
        "fraud_share_after": change.after.value,
    }
    short = events.time_ms[-1] - events.time_ms[0] < 7 * DAY_MS
    rare = max(change.before.value, change.after.value) >= _FACTOR_TRAP * min(
        change.before.value, change.after.value
    )
    return Finding(
        "rate_over_time",
        Weight.TRAP if rare and not short else Weight.NOTE,
        f"The rate of fraud changed around {day}.",
        f"Before it {with_interval(change.before)} of {counted(change.before.total, 'event')} "
        f"were fraud, from then on {with_interval(change.after)} of "
        f"{counted(change.after.total, 'event')} (95 % intervals).{ends}"
        + (" The file spans less than a week, so it may be the hour of the day." if short else ""),
        "Judge a model in time order beside a random split; choose thresholds and drift references "
        "from recent events.",
        figures,
    )


def ties(events: Events) -> Finding:
    """Events at exactly the same time, and what a strict “earlier” would hide."""
    time = events.time_ms
    same = np.diff(time) == 0
    tied = int((np.append(same, False) | np.insert(same, 0, False)).sum())
    share = tied / len(time)
    step = next((one for one, ms in _STEPS.items() if not (time % ms).any()), "millisecond")
    figures: dict[str, Figure] = {
        "tied_events": tied, "tied_share": share, "resolution": step,
    }  # fmt: skip
    if not tied:
        return Finding("ties", Weight.CLEAR, "No two events have the same time.", "", "", figures)
    hidden, followers = _hidden(events)
    figures |= {"hidden_predecessors": hidden, "events_with_predecessor": followers}
    worse = (
        f" If earlier meant a strictly smaller time, {hidden:,} of the {followers:,} events that "
        "have an earlier one on the same device would not see the latest."
        if followers
        else ""
    )
    return Finding(
        "ties",
        Weight.TRAP if hidden > 0.1 * followers else Weight.NOTE,
        f"{percent(share)} of the events share their time with another.",
        f"Times are whole {step}s.{worse}",
        "Order by (event time, event id), as this program does.",
        figures,
    )


def signup_after_purchase(events: Events) -> Finding | None:
    """Customers who bought before they signed up: two clocks, or two zones."""
    signup = events.batch.number.get("signup_ms")
    if signup is None or np.isnan(signup).all():
        return None
    late = signup > events.time_ms
    share = share_of(int(late.sum()), int((~np.isnan(signup)).sum()))
    figures: dict[str, Figure] = {"events": int(late.sum())}
    if share is None or not share.count:
        return Finding(
            "signup_after_purchase", Weight.CLEAR, "Nobody signed up after buying.", "", "", figures
        )
    return Finding(
        "signup_after_purchase",
        Weight.NOTE,
        f"{counted(share.count, 'sign-up')} after the purchase.",
        f"That is {percent(share.value)} of the events: clocks or zones of two systems differ.",
        "Ask where both times come from before trusting seconds since sign-up.",
        figures,
    )


def label_delay(events: Events) -> Finding | None:
    """How long it took until labels were known, where the file says so."""
    delay = (events.labelled_ms - events.time_ms)[events.label >= 0] / DAY_MS
    delay = delay[~np.isnan(delay)]
    if not len(delay):
        return None
    median, late = np.quantile(delay, (0.5, 0.95)).tolist()
    return Finding(
        "label_delay",
        Weight.NOTE,
        "Labels came later than the events.",
        f"Half of them were known within {median:.1f} days, 95 % within {late:.1f} days.",
        "Leave as long a gap between training and test as labels take.",
        {"median_days": median, "p95_days": late},
    )


@dataclass(frozen=True, slots=True)
class _Change:
    at_ms: int
    before: Share
    after: Share


def _change(events: Events, course: TimeCourse) -> _Change | None:
    """The boundary between two buckets at which two rates describe the file best.

    By the likelihood ratio of two binomial rates against one (G = 2 Σ observed ln ratio).
    """
    total, fraud = np.cumsum(course.labelled), np.cumsum(course.fraud)
    n, k = total[-1], fraud[-1]
    at = np.flatnonzero((total >= _SIDE) & (n - total >= _SIDE))
    if not len(at):
        return None
    gain = 2 * (
        _likelihood(fraud[at], total[at])
        + _likelihood(k - fraud[at], n - total[at])
        - _likelihood(np.array([k]), np.array([n]))
    )
    best = int(at[int(gain.argmax())])
    before = share_of(int(fraud[best]), int(total[best]))
    after = share_of(int(k - fraud[best]), int(n - total[best]))
    if before is None or after is None or gain.max() < _SURE_CHANGE:
        return None
    low, high = sorted((before.value, after.value))
    if high < _FACTOR_NOTE * low:
        return None
    return _Change(int(course.start_ms[best + 1]), before, after)


def _likelihood(fraud: NDArray[np.int64], total: NDArray[np.int64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = xlogy(fraud, fraud / total) + xlogy(
        total - fraud, 1 - fraud / total
    )
    return found


def _number_like_ids(events: Events) -> dict[str, NDArray[np.float64]]:
    """Ids that are whole numbers, as numbers."""
    found = {}
    for name, coded in events.identities().items():
        if len(coded) and all(text.isascii() and text.isdigit() for text in coded.distinct):
            numbers = np.array([float(text[:300]) for text in coded.distinct])
            found[name] = coded.spread(numbers, np.nan)
    return found


def _with_ranks(values: NDArray[np.float64], time: NDArray[np.float64]) -> float | None:
    """Spearman's ρ with the ranks of event time."""
    if np.isnan(values).any():
        return rank_correlation(values, time)
    return correlation_of_ranks(rankdata(values), time)


def _never_falls(values: NDArray[np.float64]) -> bool:
    known = values[~np.isnan(values)]
    return len(known) > 2 and bool((np.diff(known) >= 0).all()) and len(np.unique(known)) > 2


def _running(code: NDArray[np.int16]) -> NDArray[np.float64]:
    """How many events of the same code stand before each."""
    order = np.argsort(code, kind="stable")
    ordered = code[order]
    starts = np.flatnonzero(np.append(True, np.diff(ordered) != 0))
    lengths = np.diff(np.append(starts, len(code)))
    running = np.empty(len(code))
    running[order] = np.arange(len(code)) - np.repeat(starts, lengths)
    return running


def _folded(auc: float) -> float:
    return max(auc, 1 - auc)


def _hidden(events: Events) -> tuple[int, int]:
    """Events whose latest predecessor on the same device (card) has their time; all with one."""
    name = "device_id" if "device_id" in events.batch.text else "card_id"
    code = events.batch.coded(name).code
    rows = np.flatnonzero(code >= 0)
    order = rows[np.argsort(code[rows], kind="stable")]
    follows = np.diff(code[order]) == 0
    same = np.diff(events.time_ms[order]) == 0
    return int((follows & same).sum()), int(follows.sum())
