"""What a scored file comes to: alerts, the highest scores, and where there are labels how good."""

from __future__ import annotations

import heapq
import re
from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from cli.score_files import reasons_text
from core.names import Decision, Severity
from features.csv_source import CsvReport
from features.iso_times import iso_time
from model.metadata import TrainingData
from producer.options import moment_ms
from stream.outcomes import Scored

HIGHEST = 10
_IDENTITIES = ("user_id", "card_id", "device_id", "ip_address")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_ALERTS = (Decision.REVIEW, Decision.BLOCK)


class Tally:
    """Counts what was decided, micro-batch by micro-batch.

    Args:
        label: 1 fraud, 0 honest, −1 unknown, of the events in the order in which they come.
        identities: whether the highest scores say who is behind them.
    """

    def __init__(self, label: NDArray[np.int8], identities: bool) -> None:
        self.events = 0
        self.decisions: Counter[str] = Counter()
        self.severities: Counter[str] = Counter()
        self._label = label
        self._identities = identities
        self._alerted = np.zeros(len(label), np.bool_)
        self._time_ms = np.zeros(len(label), np.int64)
        self._highest: list[tuple[float, int, dict[str, Any]]] = []

    def add(self, scored: Scored) -> None:
        """Take in the next events."""
        rows = slice(self.events, self.events + len(scored.batch))
        alerted = [reasons is not None for reasons in scored.reasons]
        self._alerted[rows], self._time_ms[rows] = alerted, scored.batch.time_ms
        self.decisions.update(map(str, scored.decision))
        self.severities.update(
            str(one) for one, alert in zip(scored.severity, alerted, strict=True) if alert
        )
        for row, score in enumerate(scored.score):
            key = (float(score), -(self.events + row))  # among equals the earlier event
            if len(self._highest) < HIGHEST or key > self._highest[0][:2]:
                entry = (*key, self._shown(scored, row))
                if len(self._highest) < HIGHEST:
                    heapq.heappush(self._highest, entry)
                else:
                    heapq.heapreplace(self._highest, entry)
        self.events += len(scored.batch)

    def highest(self) -> list[dict[str, Any]]:
        """The events with the highest scores, the highest first."""
        return [entry for *_, entry in sorted(self._highest, key=lambda one: one[:2], reverse=True)]

    def alerts(self) -> dict[str, Any]:
        """How many alerts, by decision and by severity."""
        return {
            "total": sum(self.decisions[one] for one in _ALERTS),
            "decision": {str(one): self.decisions[one] for one in _ALERTS},
            "severity": {str(one): self.severities[one] for one in Severity},
        }

    def against_labels(self, training: TrainingData, report: CsvReport) -> dict[str, Any] | None:
        """Alert against label, and whether the model may have learnt from these labels.

        Args:
            training: of the model.
            report: of the file.

        Returns:
            ``note`` is None where the model cannot have been trained on these events;
            ``after_training`` are the same counts of the events later than the model's last, None
            where it has seen none of them or all could be among them. None without labels.
        """
        known = self._label >= 0
        if not known.any():
            return None
        found = self._counts(known)
        later = known & (self._time_ms > _last_ms(training))
        some = bool(later.any()) and not later[known].all()
        return {
            **found,
            "note": _note(training, report, seen=bool((known & ~later).any())),
            "after_training": self._counts(later) if some else None,
        }

    def _counts(self, rows: NDArray[np.bool_]) -> dict[str, Any]:
        fraud, alerted = self._label[rows] == 1, self._alerted[rows]
        hit, wrong, missed = (
            int(one.sum()) for one in (fraud & alerted, ~fraud & alerted, fraud & ~alerted)
        )
        precision = hit / (hit + wrong) if hit + wrong else 0.0
        recall = hit / (hit + missed) if hit + missed else None
        both = 2 * hit + wrong + missed
        return {
            "labelled": int(rows.sum()),
            "fraud": hit + missed,
            "true_positives": hit,
            "false_positives": wrong,
            "false_negatives": missed,
            "precision": round(precision, 6),
            "recall": None if recall is None else round(recall, 6),
            "f1": None if recall is None else round(2 * hit / both, 6),
        }

    def _shown(self, scored: Scored, row: int) -> dict[str, Any]:
        alert = scored.reasons[row] is not None
        entry = {
            "event_id": scored.batch.event_id[row],
            "row": scored.origin[row][2],
            "event_time": iso_time(int(scored.batch.time_ms[row])),
            "score": float(str(scored.score[row])),
            "decision": str(scored.decision[row]),
            "severity": str(scored.severity[row]) if alert else None,
            "reasons": reasons_text(scored.reasons[row]),
        }
        if self._identities:
            text = scored.batch.text
            entry |= {name: text[name][row] for name in _IDENTITIES if name in text}
        return entry


def _last_ms(training: TrainingData) -> int:
    return moment_ms(training.last, "training.last") if training.last else -1


def _note(training: TrainingData, report: CsvReport, seen: bool) -> str | None:
    """What to keep in mind, where the model may know some of these events."""
    period = f"{training.first[:10]} to {training.last[:10]}"
    if training.sha256 == report.sha256 and seen:
        return (
            f"the model was trained on this very file (events of {period}): on these events its "
            "figures say nothing about new ones"
        )
    first = moment_ms(training.first, "training.first") if training.first else 0
    if seen and report.last_ms is not None and report.last_ms >= first:
        return (
            f"the model was trained on events of {period}, which this file reaches into: it may "
            "have been trained on some of these"
        )
    return None


def show_summary(result: dict[str, Any], console: Console) -> None:
    """The summary for people; ``result`` is what ``--json`` prints."""
    model, alerts = result["model"], result["alerts"]
    limits = result["thresholds"]
    lines = [
        ("events", f"{result['events']:,} ({result['profile']})"),
        ("rejected", f"{result['rejected']:,}" + _see(result["rejects_file"])),
        ("repeated ids", f"{result['repeats']:,}"),
        ("model", f"{model['name']} {model['version']}, {model['digest'][:12]}…"),
        ("thresholds", f"review {limits['review']:.4g}, block {limits['block']:.4g}"),
        ("alerts", f"{alerts['total']:,}" + _share(alerts["total"], result["events"])),
        ("  by decision", _listed(alerts["decision"])),
        ("  by severity", _listed(alerts["severity"])),
    ]
    if (labels := result["labels"]) is not None:
        lines.append(("against labels", _figures(labels)))
        if (after := labels["after_training"]) is not None:
            lines.append(("  after training", _figures(after)))
    for name, file in (("scores", result["out"]), ("alerts in", result["alerts_file"])):
        if file is not None:
            lines.append((name, file))
    width = max(len(name) for name, _ in lines)
    for name, text in lines:
        console.print(f"{name:{width}}  {text}", markup=False)
    if labels is not None and labels["note"]:
        console.print(f"note: {labels['note']}", markup=False)


def show_highest(highest: list[dict[str, Any]], console: Console) -> None:
    """The highest scores, each with its reasons below."""
    console.print("\nhighest scores (event time in UTC)")
    for one in highest:
        when = one["event_time"][:19].replace("T", " ")
        console.print(
            f"{one['score']:.4f}  {one['decision']:6}  {one['severity'] or '-':8}  {when}  "
            f"{_CONTROL.sub('?', one['event_id'])}",
            markup=False,
        )
        who = [f"{name} {one[name]}" for name in _IDENTITIES if one.get(name)]
        for line in (", ".join(who), *(one["reasons"] or "").split("; ")):
            if line:
                console.print(f"        {_CONTROL.sub('?', line)}", markup=False)


def _see(path: str | None) -> str:
    return "" if path is None else f", see {path}"


def _share(part: int, whole: int) -> str:
    return f" ({part / whole:.2%})" if whole else ""


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


def _figures(found: dict[str, Any]) -> str:
    recall = "unknown" if found["recall"] is None else f"{found['recall']:.3f}"
    f1 = "unknown" if found["f1"] is None else f"{found['f1']:.3f}"
    return (
        f"precision {found['precision']:.3f}, recall {recall}, F1 {f1} "
        f"({found['fraud']:,} fraud among {found['labelled']:,} labelled)"
    )
