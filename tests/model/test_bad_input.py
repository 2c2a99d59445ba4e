"""Bad input to training and scoring: a clear error, or the treatment that is documented."""

from __future__ import annotations

import csv
import hashlib
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from cli.score import score
from cli.train import train
from core.errors import DataError, FraudstreamError, ModelError
from core.settings import load_settings
from features.batch import EventBatch
from features.csv_source import read_transactions
from features.declared import BROWSERS, SOURCES, declared_features
from features.offline import compute_features
from model import training
from model.deviation import DeviationReasons
from model.explanations import Contributions
from model.fitting.dataset import Dataset, make_dataset
from model.registry import DIGESTS_FILE, EXPLAIN_FILE, MODEL_FILE, ModelVersion, Registry
from model.scorer import Scorer
from model.training import Origin, train_model
from stream.decisions import load_decision_maker
from tests.model.conftest import NOW, QUICK
from tests.model.events import countries, labelled_events, write_csv
from tests.stream.forked import ROOT

app = typer.Typer()
app.command("train")(train)
app.command("score")(score)
NAMES = [one.name for one in declared_features("ecommerce")]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(training, "MAX_US_PER_ROW", float("inf"))  # however busy the machine is


@pytest.fixture
def in_use(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """A registry whose v1 is the champion of the commands."""
    registry.promote("ecommerce", "v1")
    monkeypatch.setenv("FRAUDSTREAM_MODELS", str(registry.root))
    return registry


def refused(kind: type[FraudstreamError], *arguments: str | Path) -> str:
    """The message of a command that fails with one line and no traceback."""
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert isinstance(result.exception, kind), result.output
    assert "\n" not in str(result.exception)
    return str(result.exception)


def without(path: Path, *columns: str) -> Path:
    """The file less some columns."""
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    keep = [at for at, name in enumerate(rows[0]) if name not in columns]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([row[at] for at in keep] for row in rows)
    return path


def events(**text: Callable[[int], str | None]) -> tuple[EventBatch, np.ndarray]:
    """The labelled events with some text columns made anew from the number of the row."""
    batch, label = labelled_events()
    made = {name: [value(row) for row in range(len(batch))] for name, value in text.items()}
    return replace(batch, text={**batch.text, **made}), label


def trained_on(dataset: Dataset, root: Path) -> ModelVersion:
    origin = Origin("cd" * 32, countries().digest, NOW)
    return train_model(dataset, origin, Registry(root), QUICK, lambda done, total: None)


# -- training ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("label", "kind"), [(0, "honest"), (1, "fraud")])
def test_a_file_of_one_class_is_refused_and_nothing_is_stored(label: int, kind: str) -> None:
    batch, known = labelled_events()
    path = write_csv(Path("one.csv"), batch, np.full_like(known, label))
    assert f"labelled events are {kind}" in refused(DataError, "train", path, "--quick")
    assert not Path("models").exists()


@pytest.mark.parametrize("column", ["device_id", "purchase_time", "purchase_value", "user_id"])
def test_a_column_that_must_be_there_is_named(column: str) -> None:
    path = without(write_csv(Path("less.csv"), *labelled_events()), column)
    for command in ("train", "score"):
        assert column in refused(DataError, command, path)


def test_a_file_without_labels_is_refused_for_training() -> None:
    path = without(write_csv(Path("less.csv"), *labelled_events()), "class")
    assert "column 'class' of 0 and 1" in refused(DataError, "train", path, "--quick")


def test_columns_that_may_be_missing_are_unknown_and_the_model_still_learns(tmp_path: Path) -> None:
    path = without(write_csv(Path("less.csv"), *labelled_events()), "browser", "age", "ip_address")
    data = read_transactions(path)
    assert any("browser" in warning for warning in data.report.warnings)
    dataset = make_dataset(data.batch, data.label, countries())
    assert np.isnan(dataset.column("age")).all()
    assert (dataset.column("browser") == 0).all()
    assert np.isnan(dataset.column("ip_count_1h")).all()
    version = trained_on(dataset, tmp_path / "m")
    scores = Scorer(version).score(dataset.matrix)
    assert scores[dataset.fraud].mean() > 5 * scores[~dataset.fraud].mean()


def test_constant_columns_are_learnt_from_without_effect_and_explained(tmp_path: Path) -> None:
    batch, label = events(browser=lambda row: "Chrome", source=lambda row: None)
    batch = replace(batch, amount=np.full_like(batch.amount, 500_000))
    dataset = make_dataset(batch, label, countries())
    version = trained_on(dataset, tmp_path / "m")
    assert all(one.scale > 0 for one in version.metadata.reference)
    other = dataset.matrix.copy()
    other[:, NAMES.index("browser")] = len(BROWSERS) - 1
    other[:, NAMES.index("purchase_value")] = 7
    assert (Scorer(version).score(other) == Scorer(version).score(dataset.matrix)).all()
    changed = Contributions(version).explain(other[:50])
    assert not {"browser", "purchase_value"} & {one.feature for row in changed for one in row}
    (found,) = DeviationReasons(version).explain(other[:1])
    assert "purchase_value" in {one.feature for one in found}


def test_amounts_and_ages_that_are_no_numbers_are_rejected_with_their_line() -> None:
    path = write_csv(Path("odd.csv"), *labelled_events())
    lines = path.read_text().splitlines()
    for number, (column, value) in enumerate(
        [(3, "inf"), (3, "nan"), (3, "-1"), (3, "1e30"), (8, "inf"), (8, "-inf")], start=1
    ):
        cells = lines[number].split(",")
        cells[column] = value
        lines[number] = ",".join(cells)
    path.write_text("\n".join(lines) + "\n")
    data = read_transactions(path)
    assert [one.line for one in data.report.first_rejects] == [2, 3, 4, 5, 6, 7]
    assert {one.field for one in data.report.first_rejects} == {"purchase_value", "age"}
    assert np.isfinite(data.batch.amount).all()
    assert not np.isinf(data.batch.number["age"]).any()


# -- scoring -----------------------------------------------------------------------------------


def test_categories_the_model_has_never_seen_count_as_other(trained: ModelVersion) -> None:
    batch, _ = events(browser=lambda row: f"Browser {row}", source=lambda row: "Télégramme")
    batch = batch.take(np.arange(60))
    matrix = compute_features(batch, countries()).matrix
    assert (matrix[:, NAMES.index("browser")] == BROWSERS.index("other")).all()
    assert (matrix[:, NAMES.index("source")] == SOURCES.index("other")).all()
    scores = Scorer(trained).score(matrix)
    assert ((scores >= 0) & (scores <= 1)).all()
    found = DeviationReasons(trained).explain(matrix)
    texts = [one.text for row in found for one in row if one.feature == "browser"]
    assert texts
    assert all("one that the model does not know" in text for text in texts)


def test_the_country_of_a_private_or_missing_address_is_unknown_and_scored(
    trained: ModelVersion,
) -> None:
    addresses = ("10.0.0.1", None, "2001:db8::1", "255.255.255.255")
    batch, _ = events(ip_address=lambda row: addresses[row % 4])
    matrix = compute_features(batch, countries()).matrix
    assert (matrix[:, NAMES.index("country")] == 0).all()
    assert np.isfinite(Scorer(trained).score(matrix)).all()


@given(st.sets(st.integers(0, len(NAMES) - 1)))
def test_any_unknown_values_give_a_score_and_readable_reasons(
    trained: ModelVersion, dataset: Dataset, columns: set[int]
) -> None:
    row = dataset.matrix[:1].copy()
    row[0, list(columns)] = np.nan
    (found,) = Scorer(trained).score(row)
    assert 0 <= found <= 1
    for explain in (Contributions(trained).explain, DeviationReasons(trained).explain):
        (reasons,) = explain(row)
        for one in reasons:
            assert (one.value is None) == (NAMES.index(one.feature) in columns)
            assert one.contribution is None or np.isfinite(one.contribution)


@given(st.integers(0, 10**13), st.integers(0, 7_258_118_399_999), st.integers(0, 7_258_118_399_999))
def test_no_event_that_is_accepted_has_an_infinite_feature(
    amount: int, time_ms: int, signup_ms: int
) -> None:
    batch, _ = labelled_events()
    batch = batch.take([0, 1])
    batch = replace(
        batch,
        amount=np.array([amount, 1]),
        time_ms=np.array([time_ms, time_ms]),
        number={**batch.number, "signup_ms": np.full(2, float(signup_ms))},
        text={**batch.text, "device_id": ["d", "d"]},
    )
    assert not np.isinf(compute_features(batch, countries()).matrix).any()


# -- the model ---------------------------------------------------------------------------------


def test_a_model_for_other_features_scores_nothing(in_use: Registry) -> None:
    table = Path("table.csv")
    table.write_text("lower_bound_ip_address,upper_bound_ip_address,country\n1,99999,Japan\n")
    settings = load_settings(models=in_use.root, ip_table=table)
    from features.countries import load_country_table

    with pytest.raises(ModelError, match=r"FRAUDSTREAM_IP_TABLE"):
        load_decision_maker(settings, load_country_table(table))
    path = write_csv(Path("events.csv"), *labelled_events())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FRAUDSTREAM_IP_TABLE", str(table))
        message = refused(ModelError, "score", path, "--out", "s.csv")
    assert in_use.load("ecommerce").metadata.feature_hash[:12] in message
    assert not Path("s.csv").exists()


def test_a_model_for_other_columns_scores_nothing(trained: ModelVersion) -> None:
    fewer = msgspec.structs.replace(
        trained.metadata, feature_names=trained.metadata.feature_names[1:]
    )
    with pytest.raises(ModelError, match=r"its metadata names"):
        Scorer(ModelVersion(trained.path, fewer, trained.digests))


def flipped(raw: bytes) -> bytes:
    middle = len(raw) // 2
    return raw[:middle] + bytes([raw[middle] ^ 1]) + raw[middle + 1 :]


#: Name → what becomes of a file's bytes; None: the file goes.
DAMAGES: dict[str, Callable[[bytes], bytes | None]] = {
    "flipped": flipped,
    "cut": lambda raw: raw[: len(raw) // 2],
    "emptied": lambda raw: b"",
    "deleted": lambda raw: None,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_file_of_a_version_is_checked_before_it_is_used(
    in_use: Registry, damage: str
) -> None:
    folder = in_use.load("ecommerce").path
    names = [line.split("  ", 1)[1] for line in (folder / DIGESTS_FILE).read_text().splitlines()]
    assert {MODEL_FILE, EXPLAIN_FILE, "metadata.json", "evaluation.json"} <= set(names)
    present = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert present == {*names, DIGESTS_FILE}
    for name in names:
        path = folder / name
        raw = path.read_bytes()
        changed = DAMAGES[damage](raw)
        path.unlink() if changed is None else path.write_bytes(changed)
        with pytest.raises(ModelError) as caught:
            load_decision_maker(load_settings(models=in_use.root), countries())
        assert str(path) in str(caught.value)
        assert "fraudstream train CSV" in str(caught.value)
        path.write_bytes(raw)
    load_decision_maker(load_settings(models=in_use.root), countries())


def test_a_damaged_champion_is_one_line_for_the_user(in_use: Registry) -> None:
    (in_use.load("ecommerce").path / EXPLAIN_FILE).write_bytes(b"")
    path = write_csv(Path("events.csv"), *labelled_events())
    assert EXPLAIN_FILE in refused(ModelError, "score", path)


def with_trees(registry: Registry, raw: bytes | None) -> ModelVersion:
    """The champion with other trees, its digests made anew; None: with none, and none listed."""
    folder = registry.load("ecommerce").path
    path, sums = folder / EXPLAIN_FILE, folder / DIGESTS_FILE
    lines = [line for line in sums.read_text().splitlines() if not line.endswith(EXPLAIN_FILE)]
    path.unlink() if raw is None else path.write_bytes(raw)
    if raw is not None:
        lines.append(f"{hashlib.sha256(raw).hexdigest()}  {EXPLAIN_FILE}")
    sums.write_text("\n".join(lines) + "\n")
    return registry.load("ecommerce")


@pytest.mark.parametrize("raw", [b"not trees", b"{}", b"{L", "half"])
def test_trees_that_are_none_are_refused(in_use: Registry, raw: bytes | str) -> None:
    content = in_use.load("ecommerce").read(EXPLAIN_FILE)
    bad = raw if isinstance(raw, bytes) else content[: len(content) // 2]
    with pytest.raises(ModelError, match=rf"{EXPLAIN_FILE}: .*fraudstream train CSV"):
        Contributions(with_trees(in_use, bad))


def test_a_version_without_trees_is_refused(in_use: Registry) -> None:
    with pytest.raises(ModelError, match=EXPLAIN_FILE):
        Contributions(with_trees(in_use, None))


def outcome_of(registry: Registry) -> str:
    """Error of explaining an event with the champion, in a process of its own that may crash."""
    program = (
        "import sys\nimport numpy as np\nfrom core.errors import ModelError\n"
        "from model.explanations import Contributions\nfrom model.registry import Registry\n"
        "from pathlib import Path\n"
        "version = Registry(Path(sys.argv[1])).load('ecommerce')\n"
        "try:\n    reasons = Contributions(version)\nexcept ModelError as error:\n"
        "    sys.exit(f'refused: {error}')\n"
        "reasons.explain(np.zeros((1, len(version.metadata.feature_names)), np.float32))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(registry.root)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    return done.stderr


def test_no_bytes_are_no_trees(in_use: Registry) -> None:
    with_trees(in_use, b"")
    assert outcome_of(in_use).startswith("refused: ")


def test_trees_over_other_features_are_refused(in_use: Registry) -> None:
    import xgboost

    rows = np.random.default_rng(2).random((60, 3))
    booster = xgboost.train({}, xgboost.DMatrix(rows, rows[:, 0] > 0.5), 3)
    with_trees(in_use, bytes(booster.save_raw("ubj")))
    assert outcome_of(in_use).startswith("refused: ")


def test_trees_that_are_not_listed_are_refused(in_use: Registry) -> None:
    sums = in_use.load("ecommerce").path / DIGESTS_FILE
    lines = [line for line in sums.read_text().splitlines() if not line.endswith(EXPLAIN_FILE)]
    sums.write_text("\n".join(lines) + "\n")
    with pytest.raises(ModelError, match=EXPLAIN_FILE):
        Contributions(in_use.load("ecommerce"))
