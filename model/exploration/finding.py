"""What was found in a file that would mislead a model or its evaluation, in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from model.exploration.shares import Share

Figure = float | int | str | None


class Weight(StrEnum):
    """How much a finding matters."""

    TRAP = "trap"  #: misleads a model or its evaluation unless it is dealt with
    NOTE = "note"  #: worth knowing
    CLEAR = "clear"  #: looked for and not found


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked for.

    Attributes:
        code: stable word, such as ``bursts``.
        weight: how much it matters.
        title: one short sentence.
        text: the figures behind it and what they mean, whole sentences.
        advice: what to do about it, "" where there is nothing to do.
        figures: the figures once more, by name; shares are 0 to 1.
    """

    code: str
    weight: Weight
    title: str
    text: str
    advice: str
    figures: dict[str, Figure]


def percent(value: float) -> str:
    """A share for people: two digits that matter, never 0 % or 100 % for what is neither."""
    if value in (0.0, 1.0):
        return f"{value:.0%}".replace("%", " %")
    hundred = 100 * value
    if hundred < 0.01:
        return "under 0.01 %"
    if hundred > 99.95:
        return "over 99.9 %"
    digits = 2 if hundred < 1 else 1
    return f"{hundred:.{digits}f} %"


def with_interval(share: Share) -> str:
    """``4.6 % (4.3–4.9 %)``."""
    low, high = percent(share.low), percent(share.high)
    return f"{percent(share.value)} ({low.removesuffix(' %')}–{high})"
