"""The endpoints behind the counts: alerts page by page, and all there is to say of one."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_openapi3.models.tag import Tag
from flask_openapi3.openapi import OpenAPI
from pydantic import BaseModel, Field

from core.settings import Settings
from features.rules_of_times import written_time
from views.api import shapes
from views.api.caching import Answers
from views.api.guard import NEEDS_TOKEN
from views.api.problems import ProblemError, bad_parameter, documented
from views.api.queries import AlertsQuery, ProfileQuery, cursor_of, place_of
from views.api.versions import Versions
from views.masking import IDS, Masking
from views.store import Place, Store

TAG = Tag(name="alerts", description="Events to be reviewed or blocked.")
#: Earlier events on the device of an alert.
EARLIER = 50
#: Of the CSV; ``reasons`` are their sentences.
_COLUMNS = (
    "event_time", "event_id", "user_id", "device_id", "ip_address", "country", "browser", "source",
    "amount", "score", "threshold", "severity", "decision", "label", "state", "reasons",
)  # fmt: skip


class AlertPath(BaseModel):
    """Which alert."""

    event_id: str = Field(min_length=1, max_length=256, description="Id of its event.")


def add_alerts(
    app: OpenAPI,
    store: Store,
    settings: Settings,
    masking: Masking,
    answers: Answers,
    versions: Versions,
) -> None:
    """Add these endpoints to an app."""

    @app.get("/alerts", tags=[TAG], responses={200: shapes.Alerts}, security=NEEDS_TOKEN)
    def alerts(query: AlertsQuery) -> Response:
        """Alerts, the latest event first."""
        return answers.reply(
            query,
            lambda profile: _page(profile, query),
            _COLUMNS,
            lambda found: list(map(_flat, found["alerts"])),
        )

    def _page(profile: str, query: AlertsQuery) -> dict[str, Any]:
        if masking.on:
            for name in IDS:
                if getattr(query, name, None) is not None:
                    raise bad_parameter(
                        name,
                        "(hidden)",
                        "ids are hidden here, so nothing can be asked for by one: leave it out, "
                        "or unset FRAUDSTREAM_MASK_IDS",
                    )
        after = None if query.cursor is None else place_of(query.cursor)
        page = store.alerts(profile, query.span, query.wanted(), after, query.limit)
        return {
            "alerts": [masking.message(one) for one in page.alerts],
            "next_cursor": None if page.next is None else cursor_of(page.next),
        }

    @app.get(
        "/alerts/<path:event_id>",
        tags=[TAG],
        responses={200: shapes.AlertDetails, **documented(404)},
        security=NEEDS_TOKEN,
    )
    def alert_details(path: AlertPath, query: ProfileQuery) -> Response:
        """One alert, earlier events on its device, and its model."""
        return answers.reply(query, lambda profile: _details(profile, path.event_id))

    def _details(profile: str, event_id: str) -> dict[str, Any]:
        alert = store.alert(profile, event_id)
        if alert is None:
            raise ProblemError(
                404,
                "no such alert",
                f"event_id={event_id[:80]!r} has no {profile} alert: take one from /alerts, or "
                "another profile",
                "event_id",
            )
        device, before = alert.get("device_id"), Place(_time(alert), event_id)
        earlier = [] if device is None else store.on_device(profile, device, before, EARLIER)
        return {
            "alert": masking.message(alert),
            "earlier_on_device": [shapes.earlier_event(masking.record(one)) for one in earlier],
            "labels": [shapes.label_row(one) for one in store.said(profile, event_id)],
            "model": versions.described(profile, alert["model"]["version"]),
        }


def _time(alert: Any) -> int:
    return written_time("event_time", alert["event_time"])


def _flat(alert: dict[str, Any]) -> dict[str, Any]:
    state = (alert.get("case") or {}).get("state")
    return {
        **alert,
        "state": state,
        "reasons": "; ".join(one["text"] for one in alert.get("reasons") or ()),
    }
