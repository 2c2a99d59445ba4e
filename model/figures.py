"""Numbers as people write them: money, counts, and how much more than something."""

from __future__ import annotations


def number(value: float) -> str:
    """``1,234`` or ``0.051``: whole and large numbers in full, others with four digits."""
    whole = value == int(value) or abs(value) >= 1_000
    return f"{value + 0.0:,.0f}" if whole else f"{value:.4g}"


def money(value: float) -> str:
    """``1,234.50``; less than a cent keeps its digits."""
    return f"{value:.2g}" if 0 < abs(value) < 0.01 else f"{value:,.2f}"


def times(count: float) -> str:
    """``once``, ``twice``, ``7 times``."""
    return {1.0: "once", 2.0: "twice"}.get(count) or f"{number(count)} times"


def counted(count: float, singular: str, plural: str = "") -> str:
    """``no user``, ``1 user``, ``4 users``; the plural has an s, unless told otherwise."""
    if count == 0:
        return f"no {singular}"
    return f"{number(count)} {singular if count == 1 else plural or singular + 's'}"


def multiple(ratio: float) -> str:
    """How much of something: ``4.2 times`` from 1 on, ``25 % of`` below."""
    if ratio >= 1:
        return f"{ratio:,.0f} times" if ratio >= 100 else f"{ratio:.3g} times"
    return f"{100 * ratio:.3g} % of" if ratio >= 1e-5 or ratio == 0 else "next to nothing of"
