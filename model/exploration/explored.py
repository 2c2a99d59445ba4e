"""Everything that is said of one file, worked out once: tables, findings and the events behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from features.countries import CountryTable
from features.csv_source import CsvData, CsvReport
from features.iso_times import iso_time
from model.exploration.events import Events, events_of
from model.exploration.finding import Finding, Weight
from model.exploration.identity_traps import (
    addresses,
    bursts,
    duplicates,
    ids_that_never_repeat,
    repeats_of,
)
from model.exploration.summary import (
    CategorySummary,
    Classes,
    Correlations,
    Missing,
    NumberSummary,
    TimeCourse,
    category_summary,
    classes,
    correlations,
    missing_values,
    number_summary,
    time_course,
)
from model.exploration.time_traps import (
    clocks,
    label_delay,
    order_of_events,
    rate_over_time,
    signup_after_purchase,
    ties,
)
from model.exploration.value_traps import class_findings, constants, rejected_lines, too_good


@dataclass(frozen=True, slots=True, eq=False)
class Exploration:
    """One file, explored.

    Attributes:
        report: how it was read.
        events: its events in time; holds ids, which are not for showing.
        classes: how many events carry which label.
        missing, numbers, categories, correlations, course: see ``model.exploration.summary``.
        findings: traps first, then notes, then what was looked for and not found.
    """

    report: CsvReport
    events: Events
    classes: Classes
    missing: tuple[Missing, ...]
    numbers: tuple[NumberSummary, ...]
    categories: tuple[CategorySummary, ...]
    correlations: Correlations
    course: TimeCourse
    findings: tuple[Finding, ...]

    def of_weight(self, weight: Weight) -> tuple[Finding, ...]:
        """The findings of one weight."""
        return tuple(one for one in self.findings if one.weight is weight)

    def as_dict(self) -> dict[str, Any]:
        """Figures and findings fit for JSON; no ids, no values of rejected lines."""
        report = self.report
        return {
            "file": {
                "name": report.path.name,
                "profile": report.kind,
                "sha256": report.sha256,
                "rows": report.accepted,
                "rejected": report.rejected,
                "rejected_by_reason": report.reasons,
                "repairs": report.repairs,
                "warnings": report.warnings,
                "first_time": None if report.first_ms is None else iso_time(report.first_ms),
                "last_time": None if report.last_ms is None else iso_time(report.last_ms),
            },
            "classes": msgspec.to_builtins(self.classes),
            "findings": msgspec.to_builtins(self.findings),
            "missing": msgspec.to_builtins(self.missing),
            "numbers": msgspec.to_builtins(self.numbers),
            "categories": msgspec.to_builtins(self.categories),
            "correlations": {
                "names": self.correlations.names,
                "spearman": [
                    [None if np.isnan(one) else one for one in row]
                    for row in self.correlations.matrix.tolist()
                ],
            },
        }


def explore(data: CsvData, countries: CountryTable) -> Exploration:
    """Explore the events of one file.

    Args:
        data: what ``features.csv_source.read_transactions`` read.
        countries: IP table; unused where the profile has no addresses.
    """
    events = events_of(data, countries)
    label = events.label
    course = time_course(events.time_ms, label)
    numbers = tuple(number_summary(one, label) for one in events.numbers)
    found = (
        class_findings(events),
        bursts(events),
        rate_over_time(events, course),
        order_of_events(events),
        duplicates(events, repeats_of(events)),
        *ids_that_never_repeat(events),
        clocks(events),
        ties(events),
        too_good(numbers),
        addresses(events),
        signup_after_purchase(events),
        constants(events),
        label_delay(events),
        rejected_lines(data.report),
    )
    weights = list(Weight)
    return Exploration(
        report=data.report,
        events=events,
        classes=classes(label),
        missing=missing_values(events),
        numbers=numbers,
        categories=tuple(category_summary(one, label) for one in events.categories),
        correlations=correlations(events),
        course=course,
        findings=tuple(
            sorted(
                (one for one in found if one is not None),
                key=lambda one: weights.index(one.weight),
            )
        ),
    )
