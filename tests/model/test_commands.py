"""``fraudstream train`` and ``fraudstream models`` as a user sees them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from cli import models
from cli.train import train
from core.errors import ConfigError, DataError, FraudstreamError, ModelError
from features.batch import EventBatch
from model.registry import Registry
from tests.model.events import labelled_events, write_csv

app = typer.Typer()
app.command("train")(train)
app.add_typer(models.app, name="models")


@pytest.fixture
def csv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of labelled events, in a folder of its own with an empty registry beside it."""
    monkeypatch.chdir(tmp_path)
    return write_csv(tmp_path / "events.csv", *labelled_events())


@pytest.fixture
def stored(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """A registry with v1 that the commands use."""
    monkeypatch.setenv("FRAUDSTREAM_MODELS", str(registry.root))
    return registry


def run(*args: str) -> Result:
    return CliRunner().invoke(app, list(args), env={"COLUMNS": "100"})


def output_of(*args: str) -> Any:
    result = run(*args, "--json")
    assert result.exception is None, result.exception
    return json.loads(result.stdout)


def refused(kind: type[FraudstreamError], *args: str) -> str:
    result = run(*args)
    assert isinstance(result.exception, kind), result.output
    return str(result.exception)


def test_the_first_model_is_promoted_and_the_second_is_not(csv: Path) -> None:
    first = output_of("train", str(csv), "--quick")
    assert (first["version"], first["promoted"]) == ("v1", True)
    second = output_of("train", str(csv), "--quick", "--seed", "43")
    assert (second["version"], second["promoted"]) == ("v2", False)
    registry = Registry(Path("models"))
    assert registry.pointer("ecommerce") == "v1"
    assert second["digest"] != first["digest"]
    assert Path(second["path"]) == registry.load("ecommerce", "v2").path


def test_training_again_gives_the_same_model_and_evaluation(csv: Path) -> None:
    first, second = (output_of("train", str(csv), "--quick", "--promote") for _ in range(2))
    assert second["digest"] == first["digest"]
    one, two = (Path(found["path"]) / "evaluation.json" for found in (first, second))
    assert one.read_bytes() == two.read_bytes()
    assert output_of("models", "list")[1]["champion"]


def test_no_promote_leaves_the_worker_without_a_model(csv: Path) -> None:
    assert not output_of("train", str(csv), "--quick", "--no-promote")["promoted"]
    assert "no ecommerce model in use" in refused(ModelError, "models", "show")


def test_the_table_shows_splits_baselines_thresholds_and_what_to_do_next(csv: Path) -> None:
    run("train", str(csv), "--quick")
    result = run("train", str(csv), "--quick", "--seed", "2")
    assert result.exit_code == 0
    for text in ("random", "time", "attack", "base rate", "bought", "average", "review from"):
        assert text in result.stdout
    assert "0 of 360 decisions differ" in result.stdout
    assert "fraudstream models promote v2 --profile ecommerce" in result.stdout
    assert "fitting and judging models" in result.stderr


@pytest.mark.parametrize(
    ("option", "value"), [("--until", "2015-01-21T00:00:00Z"), ("--until-share", "0.5")]
)
def test_until_keeps_later_events_out(csv: Path, option: str, value: str) -> None:
    found = output_of("train", str(csv), "--quick", option, value)["training"]
    assert found["until"][:10] in ("2015-01-20", "2015-01-21")
    assert found["last"] < found["until"]
    batch, _ = labelled_events()
    assert 0.4 * len(batch) < found["rows"] < 0.6 * len(batch)


def test_contradicting_or_impossible_ends_are_wrong_use(csv: Path) -> None:
    both = refused(
        ConfigError, "train", str(csv), "--quick", "--until", "2015-01-21", "--until-share", "0.5"
    )
    assert "leave one of them out" in both
    assert "--until-share 1.5 is not between 0 and 1" in refused(
        ConfigError, "train", str(csv), "--quick", "--until-share", "1.5"
    )
    assert "--until 'soon' is not a time" in refused(
        ConfigError, "train", str(csv), "--quick", "--until", "soon"
    )


def test_a_file_without_labels_is_refused(csv: Path) -> None:
    write_csv(csv, *labelled_events(), with_label=False)
    assert "has a label" in refused(DataError, "train", str(csv), "--quick")


def test_a_file_of_one_class_is_refused(csv: Path) -> None:
    batch, label = labelled_events()
    write_csv(csv, batch, 0 * label)
    assert "all 1,200 labelled events are honest" in refused(
        DataError, "train", str(csv), "--quick"
    )


def test_too_few_rows_are_refused(csv: Path) -> None:
    batch, label = labelled_events()
    first: EventBatch = batch.take(range(60))
    write_csv(csv, first, label[:60])
    assert "are too few" in refused(DataError, "train", str(csv), "--quick")


def test_missing_packages_are_named_with_the_remedy(
    csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "onnx" else 1)
    message = refused(ConfigError, "train", str(csv), "--quick")
    assert "(onnx)" in message
    assert "pip install 'fraudstream[train]'" in message


def test_a_registry_that_cannot_be_written_is_named(
    csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRAUDSTREAM_MODELS", str(csv))  # a file, not a folder
    assert "set FRAUDSTREAM_MODELS to another one" in refused(
        ConfigError, "train", str(csv), "--quick"
    )


def test_show_prints_metadata_with_the_evaluation(stored: Registry) -> None:
    stored.promote("ecommerce", "v1")
    shown = output_of("models", "show")
    version = stored.load("ecommerce")
    assert shown["digest"] == version.metadata.digest
    assert shown["feature_names"] == list(version.metadata.feature_names)
    raw = json.loads(version.read("evaluation.json"))
    assert shown["evaluation"] == raw
    assert set(raw["splits"]["random"]["f1"]) == {"value", "low", "high"}
    assert "average" in run("models", "show", "v1").stdout


def test_promote_and_rollback_say_what_changed(stored: Registry, csv: Path) -> None:
    run("train", str(csv), "--quick", "--no-promote")
    assert "v1 is the champion now (before: none)" in run("models", "promote", "v1").stdout
    assert output_of("models", "promote", "v2") == {
        "profile": "ecommerce", "champion": "v2", "previous": "v1",
    }  # fmt: skip
    assert "v2 is the champion already" in run("models", "promote", "v2").stdout
    assert "v1 is the champion now (before: v2)" in run("models", "rollback").stdout
    assert "no champion was in use before v1" in refused(ModelError, "models", "rollback")
    assert "is not under" in refused(ModelError, "models", "promote", "v9")


def test_list_marks_the_champion_and_what_is_damaged(stored: Registry, csv: Path) -> None:
    run("train", str(csv), "--quick", "--promote")
    (stored.root / "ecommerce" / "v1" / "model.onnx").write_bytes(b"")
    damaged, champion = output_of("models", "list")
    assert "changed or damaged" in damaged["damaged"]
    assert champion["champion"]
    assert champion["rows"] == 1_200
    text = run("models", "list").stdout
    assert "damaged" in text
    assert "champion" in text


def test_an_empty_list_says_how_to_fill_it(csv: Path) -> None:
    assert output_of("models", "list") == []
    assert "fraudstream train CSV --profile ecommerce" in run("models", "list").stdout


def test_what_is_tried_and_how_thresholds_are_chosen_is_up_to_the_caller(csv: Path) -> None:
    found = output_of(
        "train", str(csv), "--family", "decision_tree", "--family", "logistic_regression",
        "--imbalance", "none", "--trials", "2", "--label-delay", "12h",
        "--threshold-by", "budget", "--alert-budget", "0.05", "--cost-review", "7",
    )  # fmt: skip
    tried = found["evaluation"]["choice"]["tried"]
    assert {one["candidate"]["family"] for one in tried} == {"decision_tree", "logistic_regression"}
    assert [one["stage"] for one in tried].count("tuned") == 2
    assert found["label_delay_s"] == 43_200
    assert found["policy"] == {
        "costs": {"missed": 40.0, "review": 7.0, "blocked": 150.0}, "by": "budget", "budget": 0.05
    }  # fmt: skip
    assert found["thresholds"] == found["alternatives"]["budget"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--family", "svm"), "--family 'svm' is unknown: use logistic_regression, decision_tree"),
        (("--imbalance", "adasyn"), "--imbalance 'adasyn' is unknown: use none, class_weights"),
        (("--quick", "--trials", "3"), "--quick tries nothing: leave out"),
        (("--threshold-by", "f1"), "--threshold-by 'f1' is unknown: use cost or budget"),
        (("--alert-budget", "1.5"), "--alert-budget 1.5 is not between 0 and 1"),
        (("--cost-missed", "-3"), "--cost-missed -3.0 is not above 0"),
        (("--label-delay", "soon"), "--label-delay 'soon' is not a duration"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    csv: Path, options: tuple[str, ...], says: str
) -> None:
    assert says in refused(ConfigError, "train", str(csv), *options)


def test_a_challenger_is_promoted_listed_and_retired(stored: Registry, csv: Path) -> None:
    stored.promote("ecommerce", "v1")
    trained = output_of("train", str(csv), "--quick", "--challenger")
    assert (trained["version"], trained["promoted"], trained["challenger"]) == ("v2", False, True)
    assert [(one["champion"], one["challenger"]) for one in output_of("models", "list")] == [
        (True, False), (False, True),
    ]  # fmt: skip
    assert "challenger" in run("models", "list").stdout
    assert output_of("models", "retire") == {
        "profile": "ecommerce", "challenger": None, "previous": "v2",
    }  # fmt: skip
    assert "no ecommerce model challenges the champion" in run("models", "retire").stdout
    assert output_of("models", "promote", "v2", "--challenger") == {
        "profile": "ecommerce", "challenger": "v2", "previous": None,
    }  # fmt: skip
    assert "cannot challenge itself" in refused(
        ModelError, "models", "promote", "v1", "--challenger"
    )
    assert stored.pointer("ecommerce") == "v1"


def test_a_challenger_needs_a_champion_and_is_not_promoted_too(csv: Path) -> None:
    assert "no ecommerce champion to challenge" in refused(
        ConfigError, "train", str(csv), "--quick", "--challenger"
    )
    assert "exclude each other" in refused(
        ConfigError, "train", str(csv), "--quick", "--challenger", "--promote"
    )


def test_since_learns_from_later_events_and_keeps_the_others_as_history(csv: Path) -> None:
    since = "2015-01-21T00:00:00Z"
    found = output_of("train", str(csv), "--quick", "--since", since)["training"]
    assert found["since"] == "2015-01-21T00:00:00.000Z"
    assert found["first"] >= found["since"]
    whole = output_of("train", str(csv), "--quick")["training"]
    assert whole["since"] is None
    assert found["rows"] + found["unlabelled"] == whole["rows"] + whole["unlabelled"]
    none = refused(DataError, "train", str(csv), "--quick", "--since", "2030-01-01")
    assert "events from --since on has a label" in none
