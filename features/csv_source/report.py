"""The outcome of reading one CSV file, and the file of rejected lines."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import ConfigError, DataError
from features.csv_source.findings import Findings, Reject
from features.csv_source.header import Header
from features.csv_source.lines import Lines
from features.rules_of_fields import shown

#: Rejects that the report itself shows.
FIRST_REJECTS = 10


@dataclass(frozen=True, slots=True)
class CsvReport:
    """Outcome of reading one file.

    Attributes:
        path: the file.
        kind: ``ecommerce``, ``banking``, ``ip_table`` or ``outcomes``.
        sha256: hex, of the decompressed bytes.
        size: decompressed bytes.
        encoding: such as ``utf-8`` or ``utf-8 with byte order mark``.
        line_ends: ``lf``, ``crlf`` or ``cr``, as after the header.
        compressed: whether it was gzip.
        delimiter: between fields.
        accepted: data lines that became events (or ranges).
        rejected: data lines that were set aside; the two add up to ``data_lines``.
        repairs: name → number of values (or lines) changed.
        reasons: code → number of lines set aside for it.
        first_rejects: the first ten of them, by line.
        rejects_file: where all of them were written, None where none was.
        warnings: whole sentences.
        columns: names of the columns that were read, in file order.
        ignored: names of those that were not.
        date_order: ``mdy``, ``dmy`` or ``ymd``; None where the file has no dates.
        first_ms, last_ms: earliest and latest event time, ms since 1970 UTC; None for a table.
        labelled, fraud: events whose label is known, and those of them that are fraud.
    """

    path: Path
    kind: str
    sha256: str
    size: int
    encoding: str
    line_ends: str
    compressed: bool
    delimiter: str
    accepted: int
    rejected: int
    repairs: dict[str, int]
    reasons: dict[str, int]
    first_rejects: tuple[Reject, ...]
    rejects_file: Path | None
    warnings: tuple[str, ...]
    columns: tuple[str, ...]
    ignored: tuple[str, ...]
    date_order: str | None = None
    first_ms: int | None = None
    last_ms: int | None = None
    labelled: int = 0
    fraud: int = 0

    @property
    def data_lines(self) -> int:
        """Records below the header that are not blank."""
        return self.accepted + self.rejected


def finished_report(
    source: Lines,
    header: Header,
    findings: Findings,
    accepted: int,
    rejects_file: Path | None,
) -> CsvReport:
    """The report of a file that was read to its end; writes the rejects, if any.

    Args:
        source: the file's lines, exhausted.
        header: its header.
        findings: what was noted.
        accepted: data lines that were accepted.
        rejects_file: where to write rejected lines; None writes them nowhere.

    Raises:
        DataError: there was no data line, or none that is usable; the rejects cannot be written.
    """
    rejects = sorted(findings.rejects, key=lambda reject: reject.line)
    if rejects_file is not None and rejects:
        write_rejects(rejects_file, rejects)
    written = rejects_file if rejects else None
    if not accepted:
        raise _nothing_accepted(source.path, rejects, written)
    warnings = list(findings.warnings)
    if not source.ended and not source.cut:
        warnings.append(
            "the last line has no line end: if the file was cut there, its last value may be short"
        )
    return CsvReport(
        path=source.path,
        kind=header.kind.name,
        sha256=source.sha256.hexdigest(),
        size=source.size,
        encoding=source.encoding,
        line_ends=header.line_ends,
        compressed=source.compressed,
        delimiter=header.delimiter,
        accepted=accepted,
        rejected=len(rejects),
        repairs=dict(sorted(findings.repairs.items())),
        reasons=dict(Counter(str(reject.code) for reject in rejects).most_common()),
        first_rejects=tuple(rejects[:FIRST_REJECTS]),
        rejects_file=written,
        warnings=tuple(warnings),
        columns=tuple(name for name in header.names if name in header.at),
        ignored=header.ignored,
    )


def bare_name(csv_path: Path) -> str:
    """Name of the file without its ``.csv`` and ``.gz``: what files made from it begin with."""
    name = csv_path.name
    for ending in (".gz", ".csv"):
        if name.lower().endswith(ending) and len(name) > len(ending):
            name = name[: -len(ending)]
    return name


def default_rejects_path(csv_path: Path) -> Path:
    """``<stem>.rejects.csv`` in the current directory."""
    return Path(f"{bare_name(csv_path)}.rejects.csv")


def check_rejects_path(csv_path: Path, rejects: Path) -> None:
    """Refuse to write over the file that is read.

    Raises:
        ConfigError: they are the same file.
    """
    try:
        same = rejects.exists() and rejects.samefile(csv_path)
    except OSError:
        same = False
    if same:
        raise ConfigError(f"--rejects {rejects} is the file that is read: choose another name")


def write_rejects(path: Path, rejects: Iterable[Reject]) -> None:
    """Write ``rejects`` as a CSV with the columns line, field, value, reason.

    Raises:
        DataError: the file cannot be written.
    """
    try:
        with path.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(("line", "field", "value", "reason"))
            writer.writerows(
                (reject.line, reject.field, reject.value, f"{reject.code}: {reject.reason}")
                for reject in rejects
            )
    except OSError as error:
        raise DataError(
            f"cannot write the rejected lines to {path} ({error.strerror or error}): make room "
            "there, or choose another file with --rejects"
        ) from None


def _nothing_accepted(
    path: Path, rejects: Sequence[Reject], rejects_file: Path | None
) -> DataError:
    if not rejects:
        return DataError(f"{path} has a header and no line below it: there is nothing to read")
    first = rejects[0]
    where = f"; all of them: {rejects_file}" if rejects_file else ""
    name = f" {first.field}={shown(first.value)}" if first.field else ""
    return DataError(
        f"{path}: none of its {len(rejects):,} data lines is usable. The first, line "
        f"{first.line}:{name} {first.reason}{where}"
    )
