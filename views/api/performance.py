"""The endpoint that says how good alerts were, by model version and time."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_openapi3.models.tag import Tag
from flask_openapi3.openapi import OpenAPI

from core.settings import Settings
from features.iso_times import iso_time
from views.api.caching import Answers
from views.api.performance_fields import COLUMNS, PerformanceAnswer, fields_of, flat
from views.api.queries import PerformanceQuery
from views.live_performance import mature_days, performance
from views.periods import Bucket
from views.store import Store

TAG = Tag(name="performance", description="How good alerts were, as far as labels say.")


def add_performance(app: OpenAPI, store: Store, settings: Settings, answers: Answers) -> None:
    """Add this endpoint to an app."""

    @app.get("/performance", tags=[TAG], responses={200: PerformanceAnswer})
    def live_performance(query: PerformanceQuery) -> Response:
        """Precision, recall and more of each model version, over events old enough to be labelled.

        As CSV: the steps of time.
        """
        return answers.reply(query, lambda profile: _performance(profile, query), COLUMNS, flat)

    def _performance(profile: str, query: PerformanceQuery) -> dict[str, Any]:
        bucket = Bucket.DAY if query.bucket is None else Bucket(query.bucket)
        days = mature_days(live=store.live) if query.mature is None else query.mature
        found = performance(store.scorecards(profile, query.span), days, bucket)
        return {
            "profile": profile,
            "from": None if query.from_ is None else iso_time(query.from_),
            "to": None if query.to is None else iso_time(query.to),
            "bucket": bucket.value,
            "mature_days": days,
            **fields_of(found),
            "currency": settings.currency,
        }
