"""Tables: with a bar in each row, or plain ones that say what a chart shows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from dash import html

from views.counts import Counts
from views.page import text
from views.page.attributes import HIDDEN, attributes, sets


def key_of(*parts: str) -> str:
    """An id for a component, the same for the same parts: React keeps its node when rows move."""
    return "k" + hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def bar_table(
    kind: str,
    title: str,
    rows: Sequence[tuple[str, str, Counts]],
    *,
    scored: bool,
    filtered: str = "",
    extra: tuple[str, Mapping[str, str]] | None = None,
    numbered: bool = True,
) -> html.Table | html.P:
    """Rows with a bar as long as their number of alerts (of transactions, without a model).

    Args:
        kind: tells this table's rows from those of others.
        title: heading of the first column.
        rows: (value, what is shown for it, counts), in order.
        scored: whether alerts are known.
        filtered: name of the filter that a click on a row sets, or "".
        extra: heading and value → text of a further column.
        numbered: whether there is a column with the number of transactions.
    """
    if not rows:
        return html.P("No transactions in this period.", className="empty")
    longest = max(_length(counts, scored) for *_, counts in rows) or 1
    heads = [html.Th(title, scope="col")]
    heads += [_number_head(extra[0])] if extra else []
    heads += [_number_head("Alerts"), _number_head("Share")] if scored else []
    heads += [_number_head("Trans.", "Transactions")] if numbered else []
    heads += [_number_head("Fraud", "Labelled fraud, share of labelled transactions")]
    return html.Table(
        [
            html.Thead(html.Tr(heads)),
            html.Tbody(
                [
                    _row(kind, one, longest, scored, filtered, extra, numbered=numbered)
                    for one in rows
                ]
            ),
        ],
        className="bars",
    )


def _row(
    kind: str,
    row: tuple[str, str, Counts],
    longest: int,
    scored: bool,
    filtered: str,
    extra: tuple[str, Mapping[str, str]] | None,
    *,
    numbered: bool,
) -> html.Tr:
    value, shown, counts = row
    length = _length(counts, scored) / longest
    bar = html.Span(
        className="bar" if scored else "bar bar-of-transactions",
        style={"width": f"{100 * length:.2f}%"},
        **HIDDEN,
    )
    name: Any = html.Span(shown, className="name", title=shown)
    if filtered:
        name = html.Button(
            shown, className="name", type="button", title=shown, **_chosen(filtered, value)
        )
    cells: list[Any] = [html.Th([bar, name], scope="row")]
    cells += [_number(extra[1][value])] if extra else []
    if scored:
        cells += [
            _number(text.count(counts.alerts)),
            _number(text.share(counts.alerts, counts.transactions), "soft"),
        ]
    cells += [_number(text.count(counts.transactions))] if numbered else []
    cells += [_number(text.share(counts.fraud, counts.labelled), "soft")]
    return html.Tr(cells, id=key_of(kind, value))


def _chosen(filtered: str, value: str) -> dict[str, Any]:
    return sets(**{filtered: value}) | attributes(data_toggle="1", aria_pressed="false")


def _length(counts: Counts, scored: bool) -> int:
    return counts.alerts if scored else counts.transactions


def chart_table(
    title: str, rows: Sequence[tuple[str, Counts]], *, scored: bool
) -> dict[str, list[Any]]:
    """The numbers of a chart, for those who do not see it; assets/page.js makes the table.

    Args:
        title: heading of the first column.
        rows: (what is shown of a row, counts), in order.
        scored: whether alerts are known.
    """
    return {
        "heads": [title, "Transactions", *(["Alerts"] * scored), "Labelled", "Fraud"],
        "rows": [
            [
                shown,
                text.count(counts.transactions),
                *([text.count(counts.alerts)] * scored),
                text.count(counts.labelled),
                text.count(counts.fraud),
            ]
            for shown, counts in rows
        ],
    }


def _number(shown: str, className: str = "") -> html.Td:  # noqa: N803 - as Dash has it
    return html.Td(shown, className=f"number {className}".rstrip())


def _number_head(title: str, meaning: str = "") -> html.Th:
    shown: Any = html.Abbr(title, title=meaning) if meaning else title
    return html.Th(shown, scope="col", className="number")
