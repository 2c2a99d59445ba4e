"""Columns of numbers, texts and conditions, some of them unknown, and what is computed from them.

Numbers are float64 columns in which NaN is unknown; what has no finite result (a division by zero,
an overflow) is unknown too. A condition is a pair of questions, where it is surely true and where
surely false, and neither where it is unknown (Kleene's logic): so a rule, which asks only where its
condition is true, computes the other half only under ``!``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from model.rules.fields import Rows, Texts

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]

#: Whole numbers beyond this are not exact in float64, so a result beyond it is unknown.
MOST = 2**53


@dataclass(frozen=True, slots=True, eq=False)
class Number:
    """A column of numbers.

    Attributes:
        of: the column, NaN where unknown; of a constant one number.
        whole: whether all of it are whole numbers, for which ``/`` truncates.
        constant: its value where it is one.
    """

    of: Callable[[Rows], Floats]
    whole: bool = False
    constant: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """A column of texts; ``constant`` is its value where it is one."""

    of: Callable[[Rows], Texts]
    constant: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """A condition: where it is true, and where it is false."""

    yes: Callable[[Rows], Bools]
    no: Callable[[Rows], Bools]


@dataclass(frozen=True, slots=True, eq=False)
class Null:
    """The literal ``null``, which something may be compared with."""


Value: TypeAlias = Number | Text | Truth | Null


def once(work: Callable[[Rows], Any]) -> Callable[[Rows], Any]:
    """The same, but worked out at most once for each batch."""
    return lambda rows: rows.once(work, work)


def number(value: float, whole: bool) -> Number:
    """A constant."""
    column = np.full(1, value)
    return Number(lambda rows: column, whole, value)


def text(value: str) -> Text:
    """A constant."""
    distinct = (value,)
    return Text(lambda rows: Texts(np.zeros(len(rows), np.int64), distinct), value)


def truth(value: bool) -> Truth:
    """A constant."""
    yes, no = np.full(1, value), np.full(1, not value)
    return Truth(lambda rows: yes, lambda rows: no)


# Conditions ---------------------------------------------------------------------------------------


def negation(one: Truth) -> Truth:
    """``!one``."""
    return Truth(one.no, one.yes)


def conjunction(parts: Sequence[Truth]) -> Truth:
    """``a && b && …``: false as soon as one is, known or not the others."""
    return Truth(
        _folded([part.yes for part in parts], operator.and_),
        _folded([part.no for part in parts], operator.or_),
    )


def disjunction(parts: Sequence[Truth]) -> Truth:
    """``a || b || …``: true as soon as one is."""
    return negation(conjunction([negation(part) for part in parts]))


def _folded(
    parts: list[Callable[[Rows], Bools]], fold: Callable[[Any, Any], Any]
) -> Callable[[Rows], Bools]:
    first, *others = parts

    def of(rows: Rows) -> Bools:
        found = first(rows)
        for part in others:
            found = fold(found, part(rows))
        return found

    return of


def same_truth(a: Truth, b: Truth) -> Truth:
    """``a == b`` of two conditions."""
    both = disjunction([conjunction([a, b]), conjunction([negation(a), negation(b)])])
    one = disjunction([conjunction([a, negation(b)]), conjunction([negation(a), b])])
    return Truth(once(both.yes), once(one.yes))


def unknown(one: Number | Text | Truth) -> Truth:
    """``one == null``, which itself is never unknown."""

    def yes(rows: Rows) -> Bools:
        if isinstance(one, Number):
            return np.isnan(one.of(rows))
        if isinstance(one, Text):
            return one.of(rows).code < 0
        return ~(one.yes(rows) | one.no(rows))

    asked = once(yes)
    return Truth(asked, lambda rows: ~asked(rows))


def choice(condition: Truth, a: Value, b: Value) -> Value:
    """``condition ? a : b`` of two values of one type; unknown where the condition is."""
    if isinstance(a, Truth) and isinstance(b, Truth):
        either = disjunction([conjunction([condition, a]), conjunction([negation(condition), b])])
        neither = disjunction(
            [conjunction([condition, negation(a)]), conjunction([negation(condition), negation(b)])]
        )
        return Truth(once(either.yes), once(neither.yes))
    if isinstance(a, Number) and isinstance(b, Number):
        return _number_choice(condition, a, b)
    if isinstance(a, Text) and isinstance(b, Text):
        return _text_choice(condition, a, b)
    raise TypeError(f"{type(a).__name__} and {type(b).__name__} are of two types")


def _number_choice(condition: Truth, a: Number, b: Number) -> Number:
    def of(rows: Rows) -> Floats:
        other = np.where(condition.no(rows), b.of(rows), np.nan)
        return np.where(condition.yes(rows), a.of(rows), other)

    return Number(once(of), a.whole and b.whole)


def _text_choice(condition: Truth, a: Text, b: Text) -> Text:
    def of(rows: Rows) -> Texts:
        one, other = a.of(rows), b.of(rows)
        moved = np.where(other.code < 0, -1, other.code + len(one.distinct))
        code = np.where(condition.yes(rows), one.code, np.where(condition.no(rows), moved, -1))
        return Texts(code, [*one.distinct, *other.distinct])

    return Text(once(of))


# Numbers ------------------------------------------------------------------------------------------

_OPPOSITE: dict[str, str] = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_ORDER: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "==": operator.eq, "!=": operator.ne,
}  # fmt: skip


def compare_numbers(sign: str, a: Number, b: Number) -> Truth:
    """``a < b`` and its like; every comparison with NaN is false, so both halves are one each."""
    if sign in _OPPOSITE:
        is_so, is_not = _ORDER[sign], _ORDER[_OPPOSITE[sign]]
        return Truth(
            lambda rows: is_so(a.of(rows), b.of(rows)), lambda rows: is_not(a.of(rows), b.of(rows))
        )

    def different(rows: Rows) -> Bools:
        left, right = a.of(rows), b.of(rows)
        unequal: Bools = (left < right) | (left > right)
        return unequal

    same = Truth(lambda rows: np.equal(a.of(rows), b.of(rows)), different)
    return same if sign == "==" else negation(same)


def arithmetic(sign: str, a: Number, b: Number) -> Number:
    """``a + b`` and its like; ``%`` of whole numbers only."""
    whole = a.whole and b.whole
    work = _WHOLE[sign] if whole else _DOUBLE[sign]
    most = float(MOST) if whole else np.finfo(np.float64).max

    def of(rows: Rows) -> Floats:
        found: Floats = work(a.of(rows), b.of(rows))
        # A comparison with NaN is false, so what is unknown stays so.
        return np.where(np.abs(found) <= most, found, np.nan)

    return Number(of, whole)


def _truncated(a: Floats, b: Floats) -> Floats:
    """Whole quotient towards zero; exact, as what is divided is a multiple of ``b``."""
    quotient: Floats = (a - np.fmod(a, b)) / b
    return quotient


_DOUBLE: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
}  # fmt: skip
_WHOLE: dict[str, Callable[[Any, Any], Any]] = {**_DOUBLE, "/": _truncated, "%": np.fmod}


def minus(one: Number) -> Number:
    """``-one``."""
    constant = None if one.constant is None else -one.constant
    return Number(lambda rows: -one.of(rows), one.whole, constant)


def truncated(one: Number) -> Number:
    """``int(one)``."""

    def of(rows: Rows) -> Floats:
        found = np.trunc(one.of(rows))
        return np.where(np.abs(found) <= MOST, found, np.nan)

    return one if one.whole else Number(of, True)


def number_in(one: Number, values: Sequence[float]) -> Truth:
    """``one in [values]``."""
    wanted = np.unique(values)

    def yes(rows: Rows) -> Bools:
        return np.isin(one.of(rows), wanted)

    def no(rows: Rows) -> Bools:
        column = one.of(rows)
        return ~np.isin(column, wanted) & ~np.isnan(column)

    return Truth(yes, no)


# Texts --------------------------------------------------------------------------------------------


def test_text(one: Text, test: Callable[[str], bool]) -> Truth:
    """A question about a text, asked once for each distinct value."""
    fixed: dict[str, Any] = {}

    def table(rows: Rows) -> tuple[NDArray[Any], Bools]:
        texts = one.of(rows)
        if fixed.get("of") is texts.distinct:
            return texts.code, fixed["answers"]
        answers = np.fromiter(map(test, texts.distinct), np.bool_, len(texts.distinct))
        if isinstance(texts.distinct, tuple):  # the names of a category: the same every time
            fixed.update(answers=answers)
            fixed.update(of=texts.distinct)
        return texts.code, answers

    def yes(rows: Rows) -> Bools:
        code, answers = table(rows)
        found: Bools = np.append(answers, False)[code]  # −1 takes the last one
        return found

    def no(rows: Rows) -> Bools:
        code, answers = table(rows)
        found: Bools = np.append(~answers, False)[code]
        return found

    return Truth(yes, no)


def compare_texts(test: Callable[[str, str], bool], a: Text, b: Text) -> Truth:
    """A question about two texts."""
    if b.constant is not None:
        right = b.constant
        return test_text(a, lambda one: test(one, right))
    if a.constant is not None:
        left = a.constant
        return test_text(b, lambda one: test(left, one))

    def table(rows: Rows) -> tuple[Bools, Bools]:
        pairs = _pairs(a.of(rows), b.of(rows))
        known = np.array([pair is not None for pair in pairs], np.bool_)
        yes = np.array([pair is not None and test(*pair) for pair in pairs], np.bool_)
        return yes, known & ~yes

    asked = once(table)
    return Truth(lambda rows: asked(rows)[0], lambda rows: asked(rows)[1])


def order_texts(sign: str) -> Callable[[str, str], bool]:
    """Texts order by code points."""
    return _ORDER[sign]


def joined(a: Text, b: Text) -> Text:
    """``a + b``."""

    def of(rows: Rows) -> Texts:
        if b.constant is not None:
            right, left = b.constant, a.of(rows)
            return Texts(left.code, [one + right for one in left.distinct])
        pairs = _pairs(a.of(rows), b.of(rows))
        known = np.array([pair is not None for pair in pairs], np.bool_)
        code = np.where(known, np.arange(len(pairs)), -1)
        return Texts(code, ["".join(pair) if pair else "" for pair in pairs])

    return Text(once(of))


def length(one: Text) -> Number:
    """``size(one)``: how many characters."""

    def of(rows: Rows) -> Floats:
        texts = one.of(rows)
        sizes = [*map(len, texts.distinct), np.nan]
        found: Floats = np.array(sizes, np.float64)[texts.code]
        return found

    return Number(of, True)


def _pairs(a: Texts, b: Texts) -> list[tuple[str, str] | None]:
    return [
        None if left < 0 or right < 0 else (a.distinct[left], b.distinct[right])
        for left, right in zip(a.code.tolist(), b.code.tolist(), strict=True)
    ]
