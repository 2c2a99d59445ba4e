"""Traps in who did it: repeats, bursts, ids that never come back, addresses without a country."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.addresses import RESERVED_KIND, address_kinds
from features.coded import Coded
from features.iso_times import iso_time
from model.exploration.events import Events
from model.exploration.finding import Figure, Finding, Weight, percent, with_interval
from model.exploration.shares import fraud_share
from model.figures import counted
from model.fitting.dataset import first_of_equals

#: Several: a second purchase within a minute may be a double click.
BURST_EVENTS = 3
BURST_MS = 60_000
#: Share of all fraud from which bursts decide what an evaluation says.
_MUCH_OF_FRAUD = 0.05
#: Share of the events in the training part of a random split.
_TRAINED = 0.7


@dataclass(frozen=True, slots=True, eq=False)
class Repeats:
    """Events that equal another in everything but the id (the rule of ``model.fitting.dataset``).

    Attributes:
        repeat: those that repeat an earlier one, shape (n,).
        group: the same number for events that are equal, shape (n,).
    """

    repeat: NDArray[np.bool_]
    group: NDArray[np.intp]


def repeats_of(events: Events) -> Repeats:
    """Which events equal an earlier one."""
    fresh = first_of_equals(events.batch, np.arange(len(events)))
    return Repeats(~fresh, _groups(events, fresh))


def duplicates(events: Events, repeats: Repeats) -> Finding:
    """Equal events, and how many would fall on both sides of a random split."""
    count = int(repeats.repeat.sum())
    sizes = np.bincount(repeats.group)
    split = _split_share(sizes[sizes > 1]) if count else 0.0
    groups = int((sizes > 1).sum())
    conflicts = _conflicts(events, repeats) if count else 0
    figures: dict[str, Figure] = {
        "repeats": count,
        "groups": groups,
        "fraud_among_repeats": int((events.label[repeats.repeat] == 1).sum()),
        "groups_split_by_random_70_30": split * groups,
        "groups_with_both_labels": conflicts,
    }
    if not count:
        return Finding("duplicates", Weight.CLEAR, "No two events are equal.", "", "", figures)
    fraud = fraud_share(events.label[repeats.repeat])
    of_fraud = f" {with_interval(fraud)} of the repeats are fraud." if fraud else ""
    both = f" {counted(conflicts, 'group')} of equal events carry both labels." if conflicts else ""
    return Finding(
        "duplicates",
        Weight.TRAP,
        f"{counted(count, 'event')} {'repeats' if count == 1 else 'repeat'} another one.",
        f"They equal it in everything but the id, in {counted(groups, 'group')}. A random 70/30 "
        f"split puts about {split * groups:,.0f} of the groups on both sides, so that a model is "
        f"tested on what it has learnt.{of_fraud}{both}",
        "Drop them before splitting; training does.",
        figures,
    )


def ids_that_never_repeat(events: Events) -> tuple[Finding, ...]:
    """One finding for each id column: does anybody come back?"""
    return tuple(_coming_back(name, coded) for name, coded in events.identities().items())


def bursts(events: Events) -> Finding:
    """Several events, each within a minute of the one before, on one device with one amount."""
    who, coded = _actor(events)
    size, member = _bursts(coded.code, events.batch.amount, events.time_ms)
    figures: dict[str, Figure] = {"bursts": len(size), "events": int(member.sum())}
    if not len(size):
        return Finding(
            "bursts",
            Weight.CLEAR,
            "No bursts.",
            f"No {who} has {BURST_EVENTS} events of one amount, each within a minute of the one "
            "before.",
            "",
            figures,
        )
    times = events.time_ms[member]
    first, last = (iso_time(int(one))[:16].replace("T", " ") for one in (times[0], times[-1]))
    inside, outside = fraud_share(events.label[member]), fraud_share(events.label[~member])
    figures |= {
        "largest": int(size.max()),
        "median_size": float(np.median(size)),
        "first": iso_time(int(times[0])),
        "last": iso_time(int(times[-1])),
        "fraud_share_inside": inside.value if inside else None,
        "fraud_share_outside": outside.value if outside else None,
        "bursts_split_by_random_70_30": _split_share(size) * len(size),
    }
    text = (
        f"{counted(int(member.sum()), 'event')} in groups of {_sizes(size)} "
        f"on one {who} with one amount, each within a minute of the one "
        f"before, from {first} to {last}."
    )
    of_all = 0.0
    if inside and inside.count:
        of_all = inside.count / int((events.label == 1).sum())
        figures["share_of_all_fraud"] = of_all
        text += f" {with_interval(inside)} of them are fraud: {percent(of_all)} of all fraud."
        text += f" Among the other events {with_interval(outside)} are." if outside else ""
    text += f" A random 70/30 split divides {percent(_split_share(size))} of the bursts."
    return Finding(
        "bursts",
        Weight.TRAP if of_all >= _MUCH_OF_FRAUD else Weight.NOTE,
        f"{counted(len(size), 'burst')} of equal payments"
        + (
            f" {'holds' if len(size) == 1 else 'hold'} {percent(of_all)} of all fraud."
            if of_all >= _MUCH_OF_FRAUD
            else "."
        ),
        text,
        "Do not count on a random split: it tests on the rest of a burst that was learnt. Report "
        "figures with and without the bursts."
        if of_all >= _MUCH_OF_FRAUD
        else "",
        figures,
    )


def addresses(events: Events) -> Finding | None:
    """Addresses that no country has."""
    if events.country is None:
        return None
    address = events.batch.coded("ip_address")
    given = address.code >= 0
    if not given.any():
        return None
    lost = given & (events.country == 0)
    kinds = address.spread(address_kinds(address.distinct), -1)
    reserved = int((kinds == RESERVED_KIND).sum())
    share = float(lost.sum() / given.sum())
    figures: dict[str, Figure] = {
        "without_country": int(lost.sum()), "share": share, "reserved": reserved,
    }  # fmt: skip
    if not lost.any():
        return Finding("addresses", Weight.CLEAR, "Every address has a country.", "", "", figures)
    inside, outside = fraud_share(events.label[lost]), fraud_share(events.label[given & ~lost])
    compared = ""
    if inside and outside:
        figures |= {"fraud_share_without": inside.value, "fraud_share_with": outside.value}
        compared = (
            f" {with_interval(inside)} of them are fraud, of those with a country "
            f"{with_interval(outside)}."
        )
    return Finding(
        "addresses",
        Weight.NOTE,
        f"{percent(share)} of the IP addresses have no country.",
        f"{counted(int(lost.sum()), 'event')}; {reserved:,} have an address that is reserved and "
        f"nobody's on the internet.{compared}",
        "“Unknown” is a category of its own; a fuller table of ranges can be named in "
        "FRAUDSTREAM_IP_TABLE.",
        figures,
    )


def _coming_back(name: str, coded: Coded) -> Finding:
    known = coded.code[coded.code >= 0]
    code = f"repeats_of_{name}"
    whose = name.removesuffix("_id").removesuffix("_address").replace("ip", "IP address")
    if not len(known):
        return Finding(
            code,
            Weight.NOTE,
            f"No event has a {name}.",
            f"What looks at the past of a {whose} (velocity) is unknown throughout.",
            "",
            {"events": 0, "distinct": 0},
        )
    counts = np.bincount(known)
    again = int(counts[counts > 1].sum())
    figures: dict[str, Figure] = {
        "events": len(known),
        "distinct": len(counts),
        "most": int(counts.max()),
        "share_of_events_whose_id_repeats": again / len(known),
    }
    if not again:
        return Finding(
            code,
            Weight.TRAP,
            f"No {name} occurs twice.",
            f"All {len(known):,} are different, so the file cannot teach a model anything about "
            f"the past of a {whose}, although customers do come back in a live stream.",
            f"Expect features of the {whose} (counts, sums, age) to be constant here.",
            figures,
        )
    return Finding(
        code,
        Weight.CLEAR,
        f"{percent(again / len(known))} of the events have {_an(name)} that occurs more than once.",
        f"{len(counts):,} different in {counted(len(known), 'event')}, one at most "
        f"{counts.max():,} times.",
        "",
        figures,
    )


def _sizes(size: NDArray[np.intp]) -> str:
    least, most = int(size.min()), int(size.max())
    return f"{most}" if least == most else f"{least} to {most} (median {np.median(size):g})"


def _an(name: str) -> str:
    return f"{'an' if name[0] in 'aeio' else 'a'} {name}"


def _actor(events: Events) -> tuple[str, Coded]:
    """Who bursts: the device, else the card, else the identical vector."""
    if "device_id" in events.batch.text:
        return "device", events.batch.coded("device_id")
    card = events.batch.coded("card_id")
    return ("card", card) if len(card) else ("vector v1…v28", events.batch.coded("vector"))


def _bursts(
    actor: NDArray[np.int64], amount: NDArray[np.int64], time_ms: NDArray[np.int64]
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Sizes of the bursts, and which events are in one; times are ascending."""
    rows = np.flatnonzero(actor >= 0)
    order = rows[np.lexsort((time_ms[rows], amount[rows], actor[rows]))]
    member = np.zeros(len(actor), np.bool_)
    if not len(order):
        return np.empty(0, np.intp), member
    linked = (
        (np.diff(actor[order]) == 0)
        & (np.diff(amount[order]) == 0)
        & (np.diff(time_ms[order]) <= BURST_MS)
    )
    chain = np.cumsum(np.append(0, ~linked))
    size = np.bincount(chain)
    member[order] = size[chain] >= BURST_EVENTS
    return size[size >= BURST_EVENTS], member


def _groups(events: Events, fresh: NDArray[np.bool_]) -> NDArray[np.intp]:
    """A number for each event, the same for equal ones.

    Equal events stand at one time, so only those of a time with a repeat are compared.
    """
    group = np.arange(len(events), dtype=np.intp)
    busy = np.flatnonzero(np.isin(events.time_ms, events.time_ms[~fresh]))
    batch = events.batch.take(busy)
    numbers = np.column_stack([*batch.number.values()]) + 0.0  # −0.0 equals 0.0
    contents = zip(
        batch.time_ms.tolist(),
        batch.amount.tolist(),
        *batch.text.values(),
        [row.tobytes() for row in np.where(np.isnan(numbers), np.nan, numbers)],
        strict=True,
    )
    first: dict[tuple[object, ...], int] = {}
    group[busy] = [
        first.setdefault(content, row) for content, row in zip(contents, busy.tolist(), strict=True)
    ]
    return np.unique(group, return_inverse=True)[1].astype(np.intp)


def _conflicts(events: Events, repeats: Repeats) -> int:
    """Groups of equal events in which both labels occur."""
    fraud = np.unique(repeats.group[events.label == 1])
    honest = np.unique(repeats.group[events.label == 0])
    return len(np.intersect1d(fraud, honest))


def _split_share(sizes: NDArray[np.intp]) -> float:
    """Expected share of the groups that a random split puts on both sides."""
    return float(np.mean(1 - _TRAINED**sizes - (1 - _TRAINED) ** sizes)) if len(sizes) else 0.0
