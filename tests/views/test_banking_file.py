"""A file whose events name neither user nor device nor address is served like any other."""

from __future__ import annotations

import orjson
import pytest

from producer.encode import encode_events
from tests.views.banking import Bank, bank
from tests.views.world import NOW_MS
from views.serving.app import create_app


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    return bank(tmp_path_factory.mktemp("bank"))


def test_predictions_are_the_scores_of_the_file(shown: Bank) -> None:
    app = create_app(shown.store, shown.settings, shown.predictor, clock=lambda: NOW_MS, page=False)
    body = b"[" + b",".join(encode_events(shown.batch)) + b"]"
    response = app.test_client().post(
        "/predict?profile=banking", data=body, headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 200, response.get_data(as_text=True)
    found = {one["event_id"]: one["score"] for one in orjson.loads(response.data)["predictions"]}
    assert shown.events.score is not None
    scores = [float(str(one)) for one in shown.events.score]
    assert found == dict(zip(shown.events.event_id, scores, strict=True))
