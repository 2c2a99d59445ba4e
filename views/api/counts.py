"""The endpoints that count: summary, trend, and lists by country, device, browser and the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from flask import Response
from flask_openapi3.models.tag import Tag
from flask_openapi3.openapi import OpenAPI
from pydantic import BaseModel

from core.settings import Settings
from features.country_names import country_name
from features.iso_times import iso_time, iso_times
from views.api import shapes
from views.api.caching import Answers
from views.api.queries import (
    DevicesQuery,
    RowsQuery,
    SpanQuery,
    TrendQuery,
    buckets_of,
    chosen_bucket,
    covered,
)
from views.counts import Counts, Dimension
from views.masking import Masking
from views.store import Store

TAG = Tag(name="views", description="Counts by event time; no filter means everything.")
_COUNTS = tuple(shapes.CountRow.model_fields)
#: Path → by what, and the shape of the answer.
_LISTS: dict[str, tuple[Dimension, type[BaseModel]]] = {
    "/fraud_geography": (Dimension.COUNTRY, shapes.Countries),
    "/fraud_browsers": (Dimension.BROWSER, shapes.Browsers),
    "/fraud_sources": (Dimension.SOURCE, shapes.Sources),
    "/fraud_sexes": (Dimension.SEX, shapes.Sexes),
    "/fraud_ages": (Dimension.AGE, shapes.Ages),
}


def add_counts(
    app: OpenAPI, store: Store, settings: Settings, masking: Masking, answers: Answers
) -> None:
    """Add these endpoints to an app."""

    @app.get("/summary", tags=[TAG], responses={200: shapes.Summary})
    def summary(query: SpanQuery) -> Response:
        """Key figures of a span."""
        return answers.reply(query, lambda profile: _summary(profile, query))

    def _summary(profile: str, query: SpanQuery) -> dict[str, Any]:
        extent = store.extent(profile)
        first, last = extent if extent is not None else (None, None)
        begin = first if query.from_ is None else query.from_
        end = last if query.to is None else query.to
        return {
            "profile": profile,
            "from": None if begin is None else iso_time(begin),
            "to": None if end is None else iso_time(end),
            **shapes.summary_figures(store.totals(profile, query.span), store.scored),
            "currency": settings.currency,
            "live": store.live,
        }

    @app.get("/fraud_trends", tags=[TAG], responses={200: shapes.Trend})
    def fraud_trends(query: TrendQuery) -> Response:
        """Counts of each step of time, empty ones included."""
        return answers.reply(query, lambda profile: _trend(profile, query), ("bucket", *_COUNTS))

    def _trend(profile: str, query: TrendQuery) -> list[dict[str, Any]]:
        span = covered(query.span, store.extent(profile))
        if span is None:
            return []
        bucket = query.bucket or chosen_bucket(span)
        starts = buckets_of(span, bucket)
        found = store.trend(profile, query.span, bucket)
        nothing = Counts()
        return [
            {
                "bucket": begins,
                **shapes.count_row(found.get(start, nothing), store.scored),
            }
            for start, begins in zip(starts, iso_times(np.array(starts, np.int64)), strict=True)
        ]

    @app.get("/fraud_devices", tags=[TAG], responses={200: shapes.Devices})
    def fraud_devices(query: DevicesQuery) -> Response:
        """Devices with alerts or fraud, most alerts first."""
        return answers.reply(
            query, lambda profile: _devices(profile, query), ("device_id", "users", *_COUNTS)
        )

    def _devices(profile: str, query: DevicesQuery) -> list[dict[str, Any]]:
        return [
            {
                "device_id": device.device_id,
                "users": device.users,
                **shapes.count_row(device.counts, store.scored),
            }
            for device in map(masking.device, store.devices(profile, query.span, query.limit))
        ]

    def listing(path: str, dimension: Dimension, shape: type[BaseModel]) -> None:
        named = ("country", "name") if dimension is Dimension.COUNTRY else (dimension.value,)

        def rows(profile: str, query: RowsQuery) -> list[dict[str, Any]]:
            found = store.by(profile, dimension, query.span)
            return [
                {
                    dimension.value: value,
                    **({"name": country_name(value)} if "name" in named else {}),
                    **shapes.count_row(counts, store.scored),
                }
                for value, counts in shapes.ranked(found, query.limit)
            ]

        def endpoint(query: RowsQuery) -> Response:
            return answers.reply(query, lambda profile: rows(profile, query), (*named, *_COUNTS))

        endpoint.__name__ = path.strip("/")
        endpoint.__doc__ = f"Counts by {dimension.value}, most alerts first."
        add: Callable[..., Any] = app.get(path, tags=[TAG], responses={200: shape})
        add(endpoint)

    for path, (dimension, shape) in _LISTS.items():
        listing(path, dimension, shape)
