"""The columns of one profile, filled page by page with the rows that hold a usable value each.

Dates stay codes (``features.csv_source.moments``) until the whole file was seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from features.csv_source import cells
from features.csv_source.cells import Sheet
from features.csv_source.findings import Findings
from features.csv_source.header import Header
from features.csv_source.moments import NO_TIME, NONE, Moments
from features.csv_source.records import Page
from features.profiles import BANKING, BANKING_EPOCH_MS, ECOMMERCE, VECTOR, ProfileSpec
from features.rules_of_times import banking_time

#: Numbers that show which decimal sign a file uses: always there, and never with other signs.
_SHOW_SIGN = {ECOMMERCE.name: ("purchase_value",), BANKING.name: (*VECTOR, "amount")}
_WITH_SIGN = {
    ECOMMERCE.name: ("purchase_value", "age"),
    BANKING.name: ("time", *VECTOR, "amount"),
}


@dataclass(slots=True)
class Rows:
    """n rows, the lines they begin at, and their values by column.

    ``texts`` holds None and ``numbers`` NaN where unknown; ``moments`` holds codes, ``NONE`` where
    unknown; ``seconds_ms`` (banking) is the event time where it is a number of seconds, else
    ``NO_TIME``.
    """

    line: NDArray[np.int64]
    label: NDArray[np.int8]
    amount: NDArray[np.int64]
    seconds_ms: NDArray[np.int64]
    texts: dict[str, list[str | None]]
    numbers: dict[str, NDArray[np.float64]]
    moments: dict[str, NDArray[np.int64]]

    def __len__(self) -> int:
        return len(self.line)

    def take(self, keep: NDArray[np.bool_]) -> Rows:
        """The rows where ``keep`` is true."""
        if keep.all():
            return self
        chosen = np.flatnonzero(keep).tolist()
        return Rows(
            self.line[keep],
            self.label[keep],
            self.amount[keep],
            self.seconds_ms[keep],
            {name: [column[i] for i in chosen] for name, column in self.texts.items()},
            {name: column[keep] for name, column in self.numbers.items()},
            {name: column[keep] for name, column in self.moments.items()},
        )


@dataclass(slots=True)
class Columns:
    """Collects the rows of a file.

    Args:
        spec: profile of the file.
        header: where its columns are.
        moments: reads its dates.
        findings: takes rejects and repairs.
    """

    spec: ProfileSpec
    header: Header
    moments: Moments
    findings: Findings
    _sign: str = ""
    _pages: list[Rows] = field(default_factory=list)

    def add(self, page: Page) -> None:
        """Take the usable rows of a page; the others become rejects."""
        if not page.line:
            return
        sheet = Sheet(page, self.header.at, self.findings)
        self._sign = self._sign or sheet.decimal_sign(_SHOW_SIGN[self.spec.name])
        if self._sign == ",":
            sheet.with_points(name for name in _WITH_SIGN[self.spec.name] if name in sheet)
        rows = self._ecommerce(sheet) if self.spec is ECOMMERCE else self._banking(sheet)
        self.findings.rejects += sheet.refused.values()
        keep = np.ones(len(rows), np.bool_)
        keep[list(sheet.refused)] = False
        self._pages.append(rows.take(keep))

    def rows(self) -> Rows:
        """Everything taken, in file order."""
        pages = self._pages
        if not pages:
            empty = Page([], [])
            sheet = Sheet(empty, self.header.at, self.findings)
            return self._ecommerce(sheet) if self.spec is ECOMMERCE else self._banking(sheet)
        first = pages[0]
        return Rows(
            np.concatenate([page.line for page in pages]),
            np.concatenate([page.label for page in pages]),
            np.concatenate([page.amount for page in pages]),
            np.concatenate([page.seconds_ms for page in pages]),
            {name: [text for page in pages for text in page.texts[name]] for name in first.texts},
            {
                name: np.concatenate([page.numbers[name] for page in pages])
                for name in first.numbers
            },
            {
                name: np.concatenate([page.moments[name] for page in pages])
                for name in first.moments
            },
        )

    def _ecommerce(self, sheet: Sheet) -> Rows:
        texts = self._ids(sheet)
        texts["user_id"] = self._id(sheet, "user_id", required=True)
        moments = {
            name: self._moment(sheet, name, required=name != "labelled_at")
            for name in ("signup_time", "purchase_time", "labelled_at")
        }
        amount = sheet.values(self.spec.amount, cells.amount, 0, required=True)
        texts["device_id"] = self._id(sheet, "device_id", required=True)
        for name in ("source", "browser", "sex"):
            texts[name] = sheet.values(name, cells.category, None)
        age = sheet.values("age", cells.age, math.nan)
        texts["ip_address"] = sheet.values(
            "ip_address", cells.ip_address, None, repair_of=cells.ip_repair
        )
        seconds = [NO_TIME] * len(sheet)
        return self._rows(sheet, amount, seconds, texts, {"age": np.array(age, float)}, moments)

    def _banking(self, sheet: Sheet) -> Rows:
        texts = self._ids(sheet)
        seconds = self._seconds(sheet)
        numbers = {name: sheet.components(name) for name in VECTOR}
        amount = sheet.values(self.spec.amount, cells.amount, 0, required=True)
        texts["card_id"] = self._id(sheet, "card_id")
        moments = {
            "time": np.array([code for code, _ in seconds], np.int64),
            "labelled_at": self._moment(sheet, "labelled_at"),
        }
        return self._rows(sheet, amount, [ms for _, ms in seconds], texts, numbers, moments)

    def _rows(
        self,
        sheet: Sheet,
        amount: list[int],
        seconds_ms: list[int],
        texts: dict[str, list[str | None]],
        numbers: dict[str, NDArray[np.float64]],
        moments: dict[str, NDArray[np.int64]],
    ) -> Rows:
        label = sheet.values(self.spec.label, cells.label, -1)
        return Rows(
            np.array(sheet.line, np.int64),
            np.array(label, np.int8),
            np.array(amount, np.int64),
            np.array(seconds_ms, np.int64),
            texts,
            numbers,
            moments,
        )

    def _ids(self, sheet: Sheet) -> dict[str, list[str | None]]:
        """The file's own event ids, where it has them."""
        if "event_id" not in sheet:
            return {}
        return {"event_id": self._id(sheet, "event_id", required=True)}

    def _id(self, sheet: Sheet, name: str, *, required: bool = False) -> list[str | None]:
        return sheet.values(name, cells.identifier, None, required=required)

    def _moment(self, sheet: Sheet, name: str, *, required: bool = False) -> NDArray[np.int64]:
        codes = sheet.values(name, self.moments.code, NONE, required=required)
        return np.array(codes, np.int64)

    def _seconds(self, sheet: Sheet) -> list[tuple[int, int]]:
        """Code and milliseconds of each banking time, of which one says nothing."""

        def rule(name: str, text: str) -> tuple[int, int]:
            if not cells.is_number(text):
                return self.moments.code(name, text), NO_TIME
            seconds = cells.number(name, text)
            if seconds.is_integer() and 0 <= seconds < 1e12:
                return NONE, BANKING_EPOCH_MS + 1000 * int(seconds)
            return NONE, banking_time(name, seconds)

        return sheet.values("time", rule, (NONE, NO_TIME), required=True)
