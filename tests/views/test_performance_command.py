"""``fraudstream performance``: from the read model, for people and programs."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from cli.main import app
from core.errors import ConfigError
from core.names import DAY_MS
from core.settings import Settings
from features.iso_times import iso_time
from tests.views.read_model import START_MS, Message, Own, Topic, label, read_model, score, take
from views.store import SpanError


@pytest.fixture(autouse=True)
def _where_redis_is(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAUDSTREAM_REDIS", settings.redis.get_secret_value())


def run(own: Own, *arguments: str) -> str:
    found = CliRunner().invoke(
        app, ["performance", "--namespace", own.namespace, *arguments], catch_exceptions=False
    )
    assert found.exit_code == 0, found.output
    return found.output


def test_it_says_how_good_alerts_were(settings: Settings) -> None:
    messages: list[Message] = []
    for number in range(10):
        fraud, alert = number < 4, number < 5
        of = score(f"e{number}", START_MS, decision="review" if alert else "allow", score=0.5)
        messages.append(Message("scores", of))
        if number != 9:
            messages.append(Message("labels", label(f"e{number}", int(fraud), START_MS + DAY_MS)))
    messages.append(Message("scores", score("young", START_MS + 40 * DAY_MS)))
    with read_model(settings) as (own, _):
        take(own, Topic("x", messages).all)
        said = run(own)
        assert "10 events before" in said
        assert "90.0 % of them labelled; 1 are not yet." in said
        assert "0.800 (0.376–0.964)" in said
        found = json.loads(run(own, "--json", "--bucket", "day"))
        (version,) = found["versions"]
        assert (version["precision"]["value"], version["recall"]["value"]) == (0.8, 1.0)
        assert (version["true_positives"], version["true_negatives"]) == (4, 4)
        assert [row["bucket"] for row in found["buckets"]] == [
            iso_time(START_MS // DAY_MS * DAY_MS)
        ]
        assert json.loads(run(own, "--json", "--mature", "0"))["not_mature_events"] == 0
        assert json.loads(run(own, "--json", "--from", "2030-01-01"))["versions"] == []


def test_without_events_it_says_so(settings: Settings) -> None:
    with read_model(settings) as (own, _):
        assert "is `fraudstream views` at work?" in run(own)


@pytest.mark.parametrize(
    "given", [["--bucket", "hour"], ["--from", "soon"], ["--to", "2015-13-01"]]
)
def test_what_cannot_be_asked_is_refused(settings: Settings, given: list[str]) -> None:
    with read_model(settings) as (own, _), pytest.raises((ConfigError, SpanError)) as refused:
        run(own, *given)
    assert given[1] in str(refused.value)
