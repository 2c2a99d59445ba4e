"""From the texts of one column to its values; what cannot be a value sets its row aside.

Each distinct text is looked at once, by the same rules that messages from Kafka must pass
(``features.rules_of_fields``). Surrounding space is no part of a value. Numbers are plain decimals,
with or without an exponent; components are read exactly as Python's ``float`` reads them, amounts
exactly as they are written.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation
from typing import TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from core.errors import RejectedEvent
from core.messages import COMPONENT_BOUND
from core.names import RejectCode
from features import rules_of_fields as rules
from features.batch import AMOUNT_SCALE, MAX_AMOUNT
from features.csv_source.findings import Findings, LineCode, Reject, Repair, reject_of
from features.csv_source.records import Page

V = TypeVar("V")

#: What programs write where there is no value.
_MISSING = frozenset({"na", "n/a", "nan", "null", "none", "\\n", "<na>"})
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
#: With either decimal sign: the fraction is dropped.
_IP_NUMBER = re.compile(r"([0-9]+)(?:[.,][0-9]*)?")
_DECIMAL_COMMA = re.compile(r"[0-9],(?:[0-9]{1,2}|[0-9]{4,})(?![0-9])")
#: Exact, or an exception: nothing is ever rounded in it.
_EXACT = Context(prec=60, traps=[Inexact, InvalidOperation])
_UNIT = Decimal(1) / AMOUNT_SCALE
_LABELS = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "false": 0, "true": 1}
#: Longer than any number in the files; Python takes quadratic time for very long ones.
_LONGEST_NUMBER = 400


class Sheet:
    """The columns of one page while their texts become values.

    Args:
        page: n rows.
        at: name of a column → its position.
        findings: takes the repairs.

    Attributes:
        line: line at which each row begins.
        refused: row → its reject, the first that was found.
    """

    def __init__(self, page: Page, at: Mapping[str, int], findings: Findings) -> None:
        self.line = page.line
        self._findings = findings
        columns = list(zip(*page.rows, strict=True)) or [()] * (max(at.values()) + 1)
        self._texts: dict[str, Sequence[str]] = {name: columns[i] for name, i in at.items()}
        self.refused: dict[int, Reject] = {}

    def __len__(self) -> int:
        return len(self.line)

    def __contains__(self, field: str) -> bool:
        return field in self._texts

    def decimal_sign(self, fields: Iterable[str]) -> str:
        """``,`` where the numbers of ``fields`` are written with it, else ``.``.

        ``1,234`` alone may be a thousand: a comma before some other number of digits is needed.
        """
        joined = " ".join(" ".join(self._texts[field]) for field in fields)
        return "," if "." not in joined and _DECIMAL_COMMA.search(joined) else "."

    def with_points(self, fields: Iterable[str]) -> None:
        """Put a decimal point in the place of a comma in the numbers of ``fields``."""
        for field in fields:
            texts = self._texts[field]
            self._findings.repaired(Repair.DECIMAL_COMMA, sum("," in text for text in texts))
            self._texts[field] = [text.replace(",", ".") for text in texts]

    def refuse(self, row: int, text: str, refusal: RejectedEvent) -> None:
        """Set a row aside, unless it is already."""
        if row not in self.refused:
            self.refused[row] = reject_of(self.line[row], text, refusal)

    def values(
        self,
        field: str,
        rule: Callable[[str, str], V],
        empty: V,
        *,
        required: bool = False,
        repair_of: Callable[[str], Repair | None] | None = None,
    ) -> list[V]:
        """The value of each text of a column; ``empty`` everywhere where there is no such column.

        Args:
            field: name of the column.
            rule: (field, stripped text) → value, or raises ``RejectedEvent``.
            empty: value where nothing stands, and of rows that are set aside.
            required: nothing must not stand.
            repair_of: text → what the rule changes about it.
        """
        if field not in self._texts:
            return [empty] * len(self)
        texts = self._texts[field]
        found: dict[str, V] = {}
        wrong: dict[str, RejectedEvent] = {}
        for text, count in Counter(texts).items():
            plain = text.strip()
            found[text] = empty
            if not plain or plain.casefold() in _MISSING:
                if required:
                    wrong[text] = _nothing(field, plain)
                elif plain:
                    self._findings.repaired(Repair.MISSING_MARKER, count)
                continue
            try:
                found[text] = rule(field, plain)
            except RejectedEvent as refusal:
                wrong[text] = refusal
                continue
            if repair_of is not None and (repair := repair_of(plain)) is not None:
                self._findings.repaired(repair, count)
        if wrong:
            for row, text in enumerate(texts):
                if text in wrong:
                    self.refuse(row, text, wrong[text])
        return [found[text] for text in texts]

    def components(self, field: str) -> NDArray[np.float64]:
        """Numbers that must be there and within bounds, shape (n,)."""
        try:
            # Reads what is plainly a number, and rounds as ``float`` does, at a third of the time.
            read = pa.array(self._texts[field], pa.string()).cast(pa.float64())
        except pa.ArrowInvalid:
            pass
        else:
            values: NDArray[np.float64] = read.to_numpy()
            if (np.abs(values) < COMPONENT_BOUND).all():
                return values
        return np.array(self.values(field, component, math.nan, required=True), np.float64)


def identifier(field: str, text: str) -> str:
    """An id; what it must be is in ``features.rules_of_fields``."""
    return rules.identifier(field, text)


def category(field: str, text: str) -> str | None:
    """A text from an open set."""
    return rules.category(field, text)


def amount(field: str, text: str) -> int:
    """10⁻⁴ currency units, exactly as written."""
    value = decimal(field, text)
    if not 0 <= value <= MAX_AMOUNT:
        raise rules.refused(
            RejectCode.OUT_OF_RANGE,
            field,
            text,
            "is no possible amount",
            f"0 to {MAX_AMOUNT} currency units are",
        )
    try:
        return int(_EXACT.quantize(value, _UNIT).scaleb(4))
    except (Inexact, InvalidOperation):
        raise rules.refused(
            RejectCode.OUT_OF_RANGE, field, text, "has more than 4 decimals", "round it"
        ) from None


def age(field: str, text: str) -> float:
    """Years."""
    return rules.age_in_years(field, number(field, text))


def component(field: str, text: str) -> float:
    """One of v1 … v28."""
    return rules.component(field, number(field, text))


def label(field: str, text: str) -> int:
    """1 fraud, 0 honest."""
    found = _LABELS.get(text.casefold())
    if found is None:
        raise RejectedEvent(
            LineCode.BAD_LABEL,
            f"{field}={rules.shown(text)} is no label: write 1 for fraud, 0 for honest, "
            "or nothing where it is unknown",
            field,
        )
    return found


def ip_address(field: str, text: str) -> str | None:
    """Canonical text of an address; numbers are IPv4, their fraction is dropped."""
    if match := _IP_NUMBER.fullmatch(text):
        # Digit by digit: as a float, a long fraction could round the number up.
        return rules.ip_text(field, int(match.group(1)[:_LONGEST_NUMBER]))
    if not is_number(text):
        return rules.ip_text(field, text)
    value = decimal(field, text)
    if value and (value.adjusted() > 12 or value.normalize().adjusted() < 0 or _rounded(value)):
        raise rules.refused(
            RejectCode.BAD_IP,
            field,
            text,
            "has lost digits",
            "export the column as a number without an exponent",
        )
    return rules.ip_text(field, math.floor(value))


def ip_repair(text: str) -> Repair | None:
    """How the notation of an address differs from the canonical one."""
    if text.isdigit():
        return Repair.IP_INTEGER
    return Repair.IP_FLOAT if is_number(text) or _IP_NUMBER.fullmatch(text) else None


def number(field: str, text: str) -> float:
    """A finite number, as Python's ``float`` reads it."""
    if len(text) <= _LONGEST_NUMBER and _NUMBER.fullmatch(text):
        return float(text)
    raise _no_number(field, text)


def decimal(field: str, text: str) -> Decimal:
    """A number, exactly as written."""
    if len(text) <= _LONGEST_NUMBER and _NUMBER.fullmatch(text):
        try:
            return Decimal(text)
        except DecimalException:
            pass  # an exponent that no number needs
    raise _no_number(field, text)


def is_number(text: str) -> bool:
    """Whether ``text`` is written as a number."""
    return _NUMBER.fullmatch(text) is not None


def _rounded(value: Decimal) -> bool:
    """Whether digits before the decimal point are missing: in 1.54E+09 seven are."""
    exponent = value.as_tuple().exponent
    return not isinstance(exponent, int) or exponent > 0


def _nothing(field: str, text: str) -> RejectedEvent:
    what = f"{field}={rules.shown(text)} is no value" if text else f"{field}='' is empty"
    return RejectedEvent(RejectCode.MISSING_FIELD, f"{what}: every line needs it", field)


def _no_number(field: str, text: str) -> RejectedEvent:
    return rules.refused(
        RejectCode.WRONG_TYPE, field, text, "is no number", "write it as 1234.5 or 1e+05"
    )
