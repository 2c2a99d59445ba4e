"""The WSGI application of the views, put together."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

from flask import request
from flask_compress import Compress
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI

from core.settings import Settings
from model.registry import Registry
from views.api.alerts import add_alerts
from views.api.caching import Answers
from views.api.cases import add_cases
from views.api.counts import add_counts
from views.api.guard import add_guard
from views.api.health import add_health
from views.api.labels import add_labels
from views.api.metrics import add_timing, make_registry
from views.api.models import add_models
from views.api.performance import add_performance
from views.api.predict import add_predict
from views.api.problems import (
    COMMON,
    MEDIA_TYPE,
    Problem,
    add_problems,
    bad_parameter,
    documented,
    refuse_parameters,
)
from views.api.security import add_headers, add_limits, add_origins
from views.api.versions import Versions
from views.handling.work import Work
from views.masking import Masking
from views.predicting.prediction import Predicts
from views.store import Store

#: gzip costs more than it saves below this many bytes on the way.
_COMPRESS_FROM = 1_024


def create_app(
    store: Store,
    settings: Settings,
    predictor: Predicts | None = None,
    registry: Registry | None = None,
    work: Work | None = None,
    clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    page: bool = True,
) -> OpenAPI:
    """The API and the page over a store.

    Args:
        store: answers what is asked.
        settings: address, token, origins, masking, default profile.
        predictor: scores events; None: ``/predict`` says that it cannot.
        registry: of the models; default: that of the settings.
        work: takes labels and changes cases; None: ``/labels`` and ``/cases`` say that they cannot.
        clock: milliseconds since 1970 UTC.
        page: whether ``/`` is the page.
    """
    app = OpenAPI(
        __name__,
        info=Info(
            title="fraudstream views",
            version=_version(),
            description="Fraud by event time, the alerts behind it, and a score for any event.",
        ),
        security_schemes={"token": {"type": "http", "scheme": "bearer"}},
        responses=documented(*COMMON),
        doc_ui=False,
        validation_error_status=400,
        validation_error_model=Problem,
        validation_error_callback=refuse_parameters,
        static_folder=None,
    )
    # Ids of events may hold slashes, two in a row as well.
    app.url_map.merge_slashes = False
    masking = Masking(settings)
    versions = Versions(Registry(settings.models) if registry is None else registry)
    answers = Answers(store, settings, masking)
    metrics = make_registry(store, settings, masking)

    add_problems(app)
    own: set[str] = set()
    add_timing(app, metrics, own)
    limiter = add_limits(app)
    add_guard(app, settings, limiter)
    add_headers(app)
    add_origins(app, settings)

    @app.before_request
    def _once_each() -> None:
        if request.endpoint in own:
            for name, values in request.args.lists():
                if len(values) > 1:
                    raise bad_parameter(name, values, "is given twice: give it once")

    add_counts(app, store, settings, masking, answers)
    add_performance(app, store, settings, answers)
    add_alerts(app, store, settings, masking, answers, versions)
    add_labels(app, store, settings, None if work is None else work.sender, clock)
    add_cases(app, store, settings, None if work is None else work.cases, clock)
    add_models(app, store, settings, versions)
    add_predict(app, store, settings, predictor, clock)
    add_health(app, store, metrics)
    own.update(app.view_functions)
    if page:
        from views.page import add_page

        add_page(app, store, settings, masking)
    app.config["COMPRESS_ALGORITHM"] = ["gzip"]
    app.config["COMPRESS_LEVEL"] = 4
    app.config["COMPRESS_MIN_SIZE"] = _COMPRESS_FROM
    app.config["COMPRESS_MIMETYPES"] = [
        "application/json", MEDIA_TYPE, "text/csv", "text/plain", "text/html", "text/css",
        "text/javascript", "application/javascript", "image/svg+xml", "application/geo+json",
    ]  # fmt: skip
    Compress(app)
    return app


def _version() -> str:
    try:
        return version("fraudstream")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "0"
