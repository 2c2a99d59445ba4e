"""``fraudstream backtest``: two versions on one file, report and refusals, as a user sees them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from cli.backtest import backtest
from cli.score import score
from core.errors import ConfigError, ModelError, RulesError
from features.batch import AMOUNT_SCALE
from features.csv_source import read_transactions
from model.registry import Registry
from tests.model.events import DAY, START, labelled_events, write_csv
from tests.test_score_cli import train

app = typer.Typer()
app.command()(backtest)
scoring = typer.Typer()
scoring.command()(score)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Registry]:
    """A labelled file, a champion that knows all of it and a v2 that knows its first 30 days."""
    folder = tmp_path_factory.mktemp("backtest")
    path, registry = write_csv(folder / "events.csv", *labelled_events()), Registry(folder / "m")
    train(path, registry)
    train(path, registry, START + 30 * DAY)
    registry.promote("ecommerce", "v1")
    return path, registry


@pytest.fixture(autouse=True)
def here(
    made: tuple[Path, Registry], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FRAUDSTREAM_MODELS", str(made[1].root))
    yield
    assert not list(tmp_path.rglob(".*.part"))


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


def result_of(*arguments: str | Path) -> dict[str, Any]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def scored(path: Path, version: str) -> dict[str, Any]:
    result = CliRunner().invoke(scoring, [str(path), "--version", version, "--json"])
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_each_side_is_what_score_says_of_that_version(made: tuple[Path, Registry]) -> None:
    found = result_of(made[0], "--model", "v2")
    for side, version in (("against", "v1"), ("candidate", "v2")):
        other = scored(made[0], version)
        assert found[side]["alerts"]["events"] == other["alerts"]["total"]
        assert found[side]["blocked"] == other["alerts"]["decision"]["block"]
        assert found[side]["alerts"]["fraud"] == other["labels"]["true_positives"]
        number = ("against", "candidate").index(side)
        figure = found["metrics"]["metrics"]["precision"][("first", "second")[number]]
        assert figure["value"] == pytest.approx(other["labels"]["precision"], abs=1e-6)
    assert found["against"]["title"] == "v1"
    assert found["candidate"]["title"] == "v2"


def test_a_span_judges_fewer_events_with_the_same_past(made: tuple[Path, Registry]) -> None:
    whole = result_of(made[0], "--model", "v2")
    middle = whole["days"][len(whole["days"]) // 2]["day"]
    early = result_of(made[0], "--model", "v2", "--until", middle)
    late = result_of(made[0], "--model", "v2", "--since", middle)
    assert early["events"] + late["events"] == whole["events"]
    for side in ("against", "candidate"):
        parts = (early[side]["alerts"]["events"], late[side]["alerts"]["events"])
        assert sum(parts) == whole[side]["alerts"]["events"]


def test_report_and_tables(made: tuple[Path, Registry], tmp_path: Path) -> None:
    result = run(made[0], "--model", "v2", "--out", "report.html")
    assert result.exit_code == 0, result.output
    assert "What would have happened" in result.output
    page = (tmp_path / "report.html").read_text()
    assert "backtest: v2 against v1" in page
    assert "data:image/png;base64," in page


def test_rules_are_what_differs(made: tuple[Path, Registry], tmp_path: Path) -> None:
    """A rule that blocks what a worker would allow, and one in shadow that changes nothing."""
    (tmp_path / "new.yaml").write_text(
        "- {name: large, when: amount > 40, action: block, reason: a large amount}\n"
        "- {name: small, when: amount <= 40, action: block, reason: a small one, shadow: true}\n"
    )
    data = read_transactions(made[0])
    large = data.batch.amount > 40 * AMOUNT_SCALE
    assert 0 < large.sum() < len(large)
    found = result_of(made[0], "--rules", "new.yaml", "--against-rules", "none")
    assert [found[side]["title"] for side in ("against", "candidate")] == ["no rules", "new.yaml"]
    hits = {one["rule"]: (one["shadow"], one["hits"]["events"]) for one in found["rules"]}
    assert hits == {"large": (False, large.sum()), "small": (True, (~large).sum())}
    assert found["candidate"]["blocked"] >= large.sum()
    alone = found["overlap"]["only_candidate"]["events"]
    before = found["against"]["alerts"]["events"]
    assert found["candidate"]["alerts"]["events"] == before + alone
    assert found["examples"]["only_candidate"][0]["candidate_rules"] == ["large"]


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ([], ConfigError, "are the same"),
        (["--model", "v9"], ModelError, "'v9' is not under"),
        (["--model", "v2", "--out", "report.pdf"], ConfigError, "does not end in .html"),
        (["--rules", "nowhere.yaml"], RulesError, "nowhere.yaml"),
        (["--model", "v2", "--since", "then"], ConfigError, "--since 'then' is not a time"),
        (["--model", "v2", "--since", "2199-01-01"], ConfigError, "no event lies between"),
    ],
)
def test_refusals(
    made: tuple[Path, Registry], arguments: list[str], error: type[Exception], says: str
) -> None:
    result = run(made[0], *arguments)
    assert isinstance(result.exception, error), result.output
    assert says in str(result.exception)
