"""The OpenAPI document is kept: whatever fits it, and much that does not, gets a fitting answer."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    missing_required_header,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from tests.views.world import World, world_of, write_world


@cache
def _world() -> World:
    # Collection needs the document, before there are fixtures.
    folder = Path(mkdtemp(prefix="fraudstream-views-"))
    write_world(folder / "sample.csv")
    return world_of(folder / "sample.csv", folder)


@cache
def _app() -> Any:
    return _world().client().application


schema = schemathesis.openapi.from_wsgi("/openapi.json", _app())


@schema.parametrize()
@settings(max_examples=15, suppress_health_check=list(HealthCheck), derandomize=True)
def test_every_answer_is_one_that_the_document_has(case: schemathesis.Case[Any]) -> None:
    response = case.call(headers={"Host": "localhost", "Accept-Encoding": "identity"})
    case.validate_response(
        response,
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_headers_conformance,
            response_schema_conformance,
            negative_data_rejection,
            missing_required_header,
            unsupported_method,
        ],
    )
