"""Small CSV files in every state of repair, all of them saying the same."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Literal, TypeAlias

from features.profiles import VECTOR

Quoting: TypeAlias = Literal[0, 1, 2, 3]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
COLUMNS = (
    "user_id", "signup_time", "purchase_time", "purchase_value", "device_id", "source", "browser",
    "sex", "age", "ip_address", "class",
)  # fmt: skip
HEADER = ",".join(COLUMNS)
ROW = "22058,2015-02-24 22:55:49,2015-04-18 02:47:11,34,QVPSPJUOCKZAR,SEO,Chrome,M,39,732758368.8,0"
BANKING_COLUMNS = ("Time", *(name.upper() for name in VECTOR), "Amount", "Class")
BANKING_HEADER = ",".join(f'"{name}"' for name in BANKING_COLUMNS)
BANKING_ROW = "406," + ",".join(f"{i / 8 - 1.5}" for i in range(28)) + ',149.62,"0"'
IP_HEADER = "lower_bound_ip_address,upper_bound_ip_address,country"


@dataclass(frozen=True)
class Purchase:
    """One row, as it is meant; times to the minute, so that every format can hold them."""

    user: str
    signup_minute: int
    purchase_minute: int
    units: int
    device: str
    source: str | None
    age: int | None
    ip: int | None
    label: int

    @property
    def signup(self) -> datetime:
        return EPOCH + timedelta(minutes=self.signup_minute)

    @property
    def purchase(self) -> datetime:
        return EPOCH + timedelta(minutes=self.purchase_minute)


DATE_FORMATS: dict[str, Callable[[datetime], str]] = {
    "seconds": lambda t: f"{t:%Y-%m-%d %H:%M:%S}",
    "iso": lambda t: f"{t:%Y-%m-%dT%H:%M:%SZ}",
    "fraction": lambda t: f"{t:%Y-%m-%d %H:%M:%S}.000",
    "offset": lambda t: f"{t + timedelta(hours=5, minutes=30):%Y-%m-%dT%H:%M}+05:30",
    "slashes": lambda t: f"{t:%Y/%m/%d %H:%M}",
    "us": lambda t: f"{t.month}/{t.day}/{t.year} {t.hour}:{t:%M}",
    "us_seconds": lambda t: f"{t:%m/%d/%Y %H:%M:%S}",
    "us_short": lambda t: f"{t.month}/{t.day}/{t:%y} {t.hour}:{t:%M}",
    "us_half": lambda t: f"{t.month}/{t.day}/{t.year} {t:%I:%M %p}",
    "european": lambda t: f"{t.day}/{t.month}/{t.year} {t:%H:%M}",
    "german": lambda t: f"{t:%d.%m.%Y %H:%M:%S}",
    "dashes": lambda t: f"{t:%d-%m-%Y %H:%M}",
}
IP_FORMATS: dict[str, Callable[[int], str]] = {
    "integer": str,
    "point_zero": lambda ip: f"{ip}.0",
    "float": lambda ip: f"{ip}.79972",
    "dotted": lambda ip: ".".join(str(ip >> shift & 255) for shift in (24, 16, 8, 0)),
}


@dataclass(frozen=True)
class Style:
    """How a file is written."""

    date: str = "seconds"
    ip: str = "integer"
    delimiter: str = ","
    line_end: str = "\n"
    quoting: Quoting = csv.QUOTE_MINIMAL
    encoding: str = "utf-8"
    compressed: bool = False
    capitals: bool = False
    last_line_end: bool = True
    missing: str = ""
    decimals: int = 4
    backwards: bool = False  #: columns from the last to the first


def purchases_csv(purchases: Sequence[Purchase], style: Style) -> bytes:
    date, ip = DATE_FORMATS[style.date], IP_FORMATS[style.ip]
    rows = [
        {
            "user_id": one.user,
            "signup_time": date(one.signup),
            "purchase_time": date(one.purchase),
            "purchase_value": f"{Decimal(one.units) / 10_000:.{style.decimals}f}",
            "device_id": one.device,
            "source": style.missing if one.source is None else one.source,
            "browser": "FireFox",
            "sex": "F",
            "age": style.missing if one.age is None else str(one.age),
            "ip_address": style.missing if one.ip is None else ip(one.ip),
            "class": str(one.label),
        }
        for one in purchases
    ]
    columns = COLUMNS[::-1] if style.backwards else COLUMNS
    header = [f" {name.title()} " if style.capitals else name for name in columns]
    out = io.StringIO()
    writer = csv.writer(
        out, delimiter=style.delimiter, quoting=style.quoting, lineterminator=style.line_end
    )
    writer.writerow(header)
    writer.writerows([row[name] for name in columns] for row in rows)
    text = out.getvalue()
    return packed(text if style.last_line_end else text.removesuffix(style.line_end), style)


def packed(text: str, style: Style) -> bytes:
    encoded = text.encode(style.encoding)
    if style.encoding == "utf-16-be":
        encoded = codecs.BOM_UTF16_BE + encoded
    return gzip.compress(encoded) if style.compressed else encoded


def saved(folder: Path, content: bytes | str, name: str = "events.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def ecommerce_file(folder: Path, *rows: str, header: str = HEADER) -> Path:
    """A file of the given lines."""
    return saved(folder, "\n".join((header, *rows)) + "\n")


def with_value(field: str, value: str, row: str = ROW, columns: Sequence[str] = COLUMNS) -> str:
    """``row`` with another value in one column."""
    cells = row.split(",")
    cells[columns.index(field)] = value
    return ",".join(cells)


def banking_row(field: str, value: str) -> str:
    return with_value(field, value, BANKING_ROW, BANKING_COLUMNS)


def ms(text: str) -> int:
    """Milliseconds of an ISO time in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)
