"""What reading a CSV has found that its user should know, line by line."""

from __future__ import annotations

from collections.abc import Callable

from features.csv_source import CsvReport


def tell_findings(report: CsvReport, say: Callable[[str], None]) -> None:
    """Warnings, the first rejects, and where all of them are."""
    for warning in report.warnings:
        say(f"warning: {warning}")
    for reject in report.first_rejects:
        where = f"line {reject.line}" + (f", {reject.field}" if reject.field else "")
        say(f"rejected: {where}: {reject.reason}")
    if report.rejected > len(report.first_rejects):
        say(f"rejected: {report.rejected:,} lines in all")
    if report.rejected and report.rejects_file:
        say(f"rejected lines are in {report.rejects_file}")
