"""The page's skeleton; callbacks fill it."""

from __future__ import annotations

from typing import Any

from dash import dcc, html

from views.page.attributes import HIDDEN, attributes
from views.page.controls import filters, group, header
from views.page.query import FILTERS

#: What the browser is asked for a moment after another.
POLL_MS = 1_000
_GRAPH_CONFIG: Any = {
    "displayModeBar": False,
    "responsive": True,
    "scrollZoom": False,
    "doubleClick": "reset",
    "showTips": False,
}
_MAP = "Countries of the world"


def page(revision: str, default_profile: str) -> html.Div:
    """All of it.

    Args:
        revision: of the store as it is served.
        default_profile: where the address names none.
    """
    return html.Div(
        [
            dcc.Location(id="url", refresh=False),
            dcc.Interval(id="beat", interval=POLL_MS),
            dcc.Store(id="revision", data=revision),
            dcc.Store(id="view"),
            dcc.Store(id="wanted"),
            dcc.Store(id="opened"),
            dcc.Store(id="theme"),
            dcc.Store(id="overview"),
            dcc.Store(id="breakdowns"),
            dcc.Store(id="alerts"),
            dcc.Store(id="quality"),
            dcc.Store(id="details"),
            html.A("Skip to the alerts", href="#feed-title", className="skip"),
            header(),
            filters(default_profile),
            html.Div(id="banner", className="banner", role="status", hidden=True),
            html.Main(_main(), id="main", **attributes(data_state="loading")),
            html.Footer(_footer()),
            html.P(id="announcer", className="unseen", **attributes(aria_live="polite")),
            html.Dialog(
                [
                    html.Div(id="drawer-content"),
                    html.P(id="case-said", className="case-said", role="status"),
                ],
                id="drawer",
                **attributes(aria_labelledby="drawer-title"),
            ),
        ],
        id="page",
    )


def _main() -> list[Any]:
    return [
        html.Div(id="notice"),
        html.Div(id="nothing", className="nothing"),
        html.Section(
            [
                html.H2("Key figures", className="unseen"),
                html.Dl(id="figures"),
            ],
            className="figures",
        ),
        html.Div(
            [
                html.Div(
                    [
                        _card(
                            "trend",
                            "Trend",
                            _chart("trend", "Transactions, alerts and labelled fraud over time"),
                            note="trend-note",
                            png=True,
                            more=[_buckets()],
                        ),
                        _card(
                            "map",
                            "Countries",
                            [
                                html.Div(
                                    [
                                        _graph("map", _MAP),
                                        html.Div(id="countries", className="scroll countries"),
                                    ],
                                    className="places",
                                ),
                                _table_of("map", _MAP),
                            ],
                            csv="countries",
                            png=True,
                            more=[_measures()],
                        ),
                    ],
                    className="column-wide",
                ),
                _feed(),
            ],
            className="columns",
        ),
        html.Div(
            [
                _card(
                    "devices",
                    "Top devices",
                    [html.Div(id="devices", className="scroll")],
                    csv="devices",
                ),
                html.Div(
                    [
                        _card("browsers", "Browsers", [html.Div(id="browsers")], csv="browsers"),
                        _card("sources", "Sources", [html.Div(id="sources")], csv="sources"),
                    ],
                    className="stack",
                ),
                _card(
                    "people",
                    "Age and sex",
                    _chart("people", "Share of alerts and of labelled fraud by age and sex"),
                    png=True,
                ),
            ],
            className="thirds",
        ),
        _card(
            "performance",
            "How good alerts were",
            [
                html.Div(
                    [
                        html.Div(
                            id="performance-versions",
                            className="scroll",
                            tabIndex="0",
                            role="region",
                            **attributes(aria_label="Precision and recall by model version"),
                        ),
                        html.Div(_chart("performance", "Precision and recall over time")),
                    ],
                    className="performance",
                )
            ],
            png=True,
            note="performance-note",
        ),
    ]


def _card(
    name: str,
    title: str,
    content: list[Any],
    *,
    csv: str = "",
    png: bool = False,
    note: str = "",
    more: list[Any] | None = None,
) -> html.Section:
    actions: list[Any] = [
        html.A(
            "CSV",
            href=f"/page/{csv or name}.csv",
            className="action",
            **attributes(data_csv=csv or name, aria_label=f"Download {title} as CSV"),
        )
    ]
    if png:
        actions.append(
            html.Button(
                "PNG",
                type="button",
                className="action",
                **attributes(data_png=name, aria_label=f"Download {title} as PNG"),
            )
        )
    return html.Section(
        [
            html.Div(
                [
                    html.H2(title, id=f"{name}-title"),
                    *([html.Span(id=note, className="card-note")] if note else []),
                    *(more or []),
                    html.Div(actions, className="actions"),
                ],
                className="card-head",
            ),
            *content,
        ],
        className=f"card card-{name}",
        **attributes(aria_labelledby=f"{name}-title"),
    )


def _chart(name: str, label: str) -> list[Any]:
    return [_graph(name, label), _table_of(name, label)]


def _table_of(name: str, label: str) -> html.Details:
    return html.Details(
        [
            html.Summary("Show as table"),
            html.Div(
                id=f"{name}-table",
                className="scroll table-of-chart",
                tabIndex="0",
                role="region",
                **attributes(aria_label=f"{label}: table"),
            ),
        ],
        className="as-table",
        **attributes(data_table=name),
    )


def _graph(name: str, label: str) -> html.Div:
    return html.Div(
        dcc.Graph(id=name, config=_GRAPH_CONFIG, className="graph", animate=False),
        role="img",
        className=f"chart chart-{name}",
        **attributes(aria_label=f"{label}; the same numbers are in the table"),
    )


def _buckets() -> html.Div:
    buttons = [
        ("auto", "Auto"), ("hour", "Hour"), ("day", "Day"), ("week", "Week"), ("month", "Month"),
    ]  # fmt: skip
    return group("Bucket of the trend", buttons, "bucket", "auto")


def _measures() -> html.Div:
    buttons = [("alerts", "Alerts"), ("share", "Share"), ("transactions", "Transactions")]
    return group("What the map shows", buttons, "map", "alerts")


def _feed() -> html.Section:
    return html.Section(
        [
            html.Div(
                [
                    html.H2("Alerts", id="feed-title", tabIndex="-1"),
                    html.Span(id="feed-note", className="card-note"),
                    html.Div(
                        html.A(
                            "CSV",
                            href="/page/alerts.csv",
                            className="action",
                            **attributes(
                                data_csv="alerts", aria_label="Download the alerts as CSV"
                            ),
                        ),
                        className="actions",
                    ),
                ],
                className="card-head",
            ),
            html.Details(
                [
                    html.Summary([html.Span("Filter"), html.Span(id="chips", className="chips")]),
                    html.Div([_select(name) for name in FILTERS], className="selects"),
                ],
                className="feed-filters",
            ),
            html.Div(
                id="feed",
                className="scroll feed",
                tabIndex="0",
                role="region",
                **attributes(aria_label="List of alerts"),
            ),
        ],
        className="card card-feed",
        **attributes(aria_labelledby="feed-title"),
    )


def _select(name: str) -> html.Label:
    shown = name.removesuffix("_id").capitalize()
    return html.Label(
        [
            html.Span(shown),
            html.Select(id=f"select-{name}", **attributes(data_param=name)),
        ]
    )


def _footer() -> list[Any]:
    return [
        html.P(
            [
                "All times are event times in UTC. Alerts are events to be reviewed or blocked; "
                "precision and recall are over labelled events, intervals at 95 %. Map: Natural "
                "Earth."
            ]
        ),
        html.P(
            [
                html.A("API", href="/openapi.json"),
                html.Span(" · ", **HIDDEN),
                html.A("Summary as JSON", href="/summary"),
            ]
        ),
    ]
