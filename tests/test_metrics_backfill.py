"""What Prometheus says of a file's past equals counts of its scores."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from core import metrics as declared
from grafana.asking import Series, at_once, over_time
from model.registry import Registry
from stack.prometheus import RECORDING_RULES, RETENTION, Prometheus
from tests.backfilling import (
    NAME,
    backfilled,
    blocks_in,
    empty_data_folder,
    labelled_month,
    scores_of,
)
from tests.grafana.own_prometheus import OwnPrometheus, needs
from tests.model.events import START
from tests.test_score_cli import train

# A month at every five minutes, and rules over it three times.
pytestmark = pytest.mark.timeout(900)

MINE = f'job="fraudstream-history",instance={json.dumps(NAME)}'
STEP_S = 300
DAY_S = 86_400
#: Longer than Prometheus takes to look at its folder again.
_SEEN_S = 150.0


@dataclass(frozen=True)
class Filled:
    """A Prometheus with the history of a file, and the file's scores."""

    server: OwnPrometheus
    scores: pd.DataFrame
    result: dict[str, Any]
    path: Path
    models: Path

    def ask(self, query: str, at_s: float) -> list[Series]:
        return at_once(self.server.url, query, at_s)

    @property
    def end_s(self) -> int:
        """The last step."""
        return int(pd.Timestamp(self.result["to"]).timestamp())


def seen(server: OwnPrometheus, query: str, at_s: float) -> None:
    """Wait until a running Prometheus has noticed its new blocks."""
    deadline = time.monotonic() + _SEEN_S
    while not at_once(server.url, query, at_s):
        assert time.monotonic() < deadline, "Prometheus has not noticed the blocks"
        time.sleep(0.5)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return labelled_month(tmp_path_factory.mktemp("history"))


@pytest.fixture(scope="module")
def filled(made: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """Backfilled into the folder of a Prometheus that runs."""
    needs("prometheus", "promtool")
    path, models = made
    folder = tmp_path_factory.mktemp("prometheus")
    server = OwnPrometheus(folder)
    server.start()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("FRAUDSTREAM_MODELS", str(models))
            patch.chdir(folder)
            result = backfilled(path, "--data", server.data)
            scores = scores_of(path, folder)
        found = Filled(server, scores, result, path, models)
        seen(server, f"fraudstream_transactions_total{{{MINE}}}", found.end_s)
        yield found
    finally:
        server.stop()


@pytest.fixture
def here(
    made: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    with empty_data_folder(made[1], tmp_path, monkeypatch) as folder:
        yield folder


def by_label(found: list[Series], label: str) -> dict[str, float]:
    return {one.labels[label]: one.last for one in found if one.last}


def test_raw_sums_at_the_end_are_the_counts_of_the_scores(filled: Filled) -> None:
    frame, alerts = filled.scores, filled.scores[filled.scores["decision"] != "allow"]
    assert len(alerts) > 20

    def ask(name: str) -> list[Series]:
        return filled.ask(f"{name}{{{MINE}}}", filled.end_s)

    for name, label, counted in (
        ("transactions", "decision", frame["decision"]),
        ("alerts", "severity", alerts["severity"]),
        ("country_transactions", "country", frame["country"]),
        ("country_alerts", "country", alerts["country"]),
        ("browser_transactions", "browser", frame["browser"]),
        ("browser_alerts", "browser", alerts["browser"]),
        ("source_transactions", "source", frame["source"]),
        ("source_alerts", "source", alerts["source"]),
    ):
        found = by_label(ask(f"fraudstream_{name}_total"), label)
        assert found == counted.value_counts().to_dict(), name
    assert ask("fraudstream_alert_value_total")[0].last == pytest.approx(alerts["amount"].sum())
    assert ask("fraudstream_score_count")[0].last == len(frame) == filled.result["events"]
    buckets = by_label(ask("fraudstream_device_users_bucket"), "le")
    for bound in ("1.0", "2.0", "5.0", "+Inf"):
        assert buckets[bound] == (frame["device_users"] <= float(bound)).sum()
    scores = by_label(ask("fraudstream_score_bucket"), "le")
    for bound in ("0.1", "0.5", "0.9"):
        assert scores[bound] == (frame["score"] <= float(bound)).sum()
    (model,) = ask("fraudstream_model_info")
    assert (model.labels["version"], model.labels["role"], model.last) == ("v1", "champion", 1)


def test_every_day_grows_by_the_events_of_that_day(filled: Filled) -> None:
    day = filled.scores["second"] // DAY_S
    alerts = filled.scores["decision"] != "allow"
    for number in range(int(day.min()), int(day.max()) + 1):
        midnight = (number + 1) * DAY_S
        for name, expected in (
            ("transactions", (day == number).sum()),
            ("alerts", (alerts & (day == number)).sum()),
        ):
            (found,) = filled.ask(
                f"sum(increase(fraudstream_{name}_total{{{MINE}}}[1d]))", midnight
            )
            assert found.last == pytest.approx(expected, rel=0.02, abs=0.02)


def fed_rules() -> set[str]:
    """Names of the recording rules that read, at last, only metrics that history has."""
    groups = yaml.safe_load(RECORDING_RULES.read_text())["groups"]
    rules = {rule["record"]: rule["expr"] for group in groups for rule in group["rules"]}
    missing = [
        metric.family
        for metric in declared.OF_WORKER
        if metric not in {
            declared.TRANSACTIONS, declared.ALERTS, declared.ALERT_VALUE, declared.SCORE,
            declared.COUNTRY_TRANSACTIONS, declared.COUNTRY_ALERTS, declared.BROWSER_TRANSACTIONS,
            declared.BROWSER_ALERTS, declared.SOURCE_TRANSACTIONS, declared.SOURCE_ALERTS,
            declared.DEVICE_USERS, declared.MODEL_INFO,
        }
    ]  # fmt: skip
    unfed = {name for name, expr in rules.items() if any(one in expr for one in missing)}
    return rules.keys() - unfed


def test_recording_rules_have_results_and_the_right_ones(filled: Filled) -> None:
    # A thousand events a day, which this one asks for, are not in the file.
    quiet = {"job_profile:fraudstream_transactions:settled1d"}
    assert set(filled.result["rules"]) == fed_rules() - quiet
    alerts = filled.scores[filled.scores["decision"] != "allow"]
    hour = int(alerts["second"].iloc[len(alerts) // 2]) // 3600 * 3600
    within = filled.scores["second"].between(hour, hour + 3599)
    query = "job_profile:fraudstream_transactions:increase1h"
    (found,) = filled.ask(query, hour + 3600)
    assert found.last == pytest.approx(within.sum())
    assert found.labels["instance"] == NAME
    (share,) = filled.ask("job_profile:fraudstream_alert_ratio:rate1h", hour + 3600)
    assert share.last == pytest.approx((filled.scores["decision"] != "allow")[within].mean())
    rate = over_time(
        filled.server.url, "job_profile:fraudstream_transactions:rate5m", hour, hour + 3600, STEP_S
    )
    assert sum(value for at, value in rate[0].points if at > hour) * STEP_S == pytest.approx(
        within.sum()
    )


PANELS = (
    "sum by (profile) (rate(fraudstream_transactions_total{job=~'.+',instance=~'.+'}[1h]))",
    "sum by (severity) (increase(fraudstream_alerts_total{job=~'.+',instance=~'.+'}[1h]))",
    "topk(10, sum by (country) (increase(fraudstream_country_alerts_total{job=~'.+'}[30d])))",
    "histogram_quantile(0.9, sum by (le) (rate(fraudstream_score_bucket{job=~'.+'}[1h])))",
    "sum by (le) (increase(fraudstream_device_users_bucket{job=~'.+'}[1h]))",
    "job_profile:fraudstream_alert_ratio:rate1h",
    "job_profile:fraudstream_alert_ratio:baseline1d",
)


def read_panel(server: OwnPrometheus, query: str, begin_s: int, end_s: int) -> None:
    """A panel has data."""
    found = over_time(server.url, query, begin_s, end_s, 3600)
    assert any(one.points for one in found), query


@pytest.mark.parametrize("query", PANELS)
def test_panels_of_a_month_are_there(filled: Filled, query: str) -> None:
    begin = START // 1000 + DAY_S
    read_panel(filled.server, query, begin, begin + 30 * DAY_S)


def test_doing_it_again_changes_nothing(
    filled: Filled, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The server may have merged the blocks meanwhile: they are known by those they came from.
    again = backfilled(filled.path, "--data", filled.server.data)
    assert (again["unchanged"], again["blocks"]) == (True, 0)
    assert again["events"] == filled.result["events"]


def test_equal_blocks_beside_each_other_count_once(filled: Filled, here: Path) -> None:
    """As after a backfill whose record was lost."""
    query = f"sum(count_over_time(fraudstream_transactions_total{{{MINE}}}[1d]))"
    middle = START // 1000 + 20 * DAY_S
    expected = [one.last for one in filled.ask(query, middle)]
    filled.server.stop()  # it may be merging blocks
    for name in blocks_in(filled.server.data):
        shutil.copytree(filled.server.data / name, here / name)
    filled.server.start()
    backfilled(filled.path, "--data", here)
    twice = OwnPrometheus(here.parent / "twice")
    shutil.rmtree(twice.data)
    here.rename(twice.data)
    twice.start()
    try:
        sizes = [meta["stats"]["numSamples"] for meta in metas(twice.data)]
        assert sum(sizes) >= 2 * filled.result["samples"]
        assert [one.last for one in at_once(twice.url, query, middle)] == expected
        for number in (3, 20):
            at_s = START // 1000 + number * DAY_S
            growth = f"sum(increase(fraudstream_transactions_total{{{MINE}}}[1d]))"
            assert at_once(twice.url, growth, at_s) == filled.ask(growth, at_s)
    finally:
        twice.stop()


def metas(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in folder.glob("*/meta.json")]


def test_the_local_prometheus_keeps_old_blocks(tmp_path: Path) -> None:
    needs("prometheus")
    command = Prometheus().prepare(tmp_path, 1, lambda line: None)
    assert f"--storage.tsdb.retention.time={RETENTION}" in command.argv
    oldest = pd.Timestamp("2013-09-01")  # where the banking data begin
    assert pd.Timestamp.now() - oldest < pd.Timedelta(days=365 * int(RETENTION.removesuffix("y")))


@pytest.mark.realdata
def test_panels_of_january_2015_of_the_real_file(
    real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs("prometheus", "promtool")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FRAUDSTREAM_MODELS", str(tmp_path / "models"))
    registry = Registry(tmp_path / "models")
    january = tmp_path / "january.csv"
    frame = pd.read_csv(real_data / "Fraud_Data.csv", dtype=str, encoding="utf-8-sig")
    times = pd.to_datetime(frame["purchase_time"], format="mixed", errors="coerce")
    frame[times.between("2015-01-01", "2015-01-31 23:59:59")].to_csv(january, index=False)
    train(january, registry)
    registry.promote("ecommerce", "v1")
    server = OwnPrometheus(tmp_path / "prometheus")
    result = backfilled(january, "--data", server.data)
    scores = scores_of(january, tmp_path)
    server.start()
    try:
        own = 'job="fraudstream-history",instance="january.csv"'
        begin, end = 1_420_070_400, 1_422_748_800
        (total,) = at_once(server.url, f"sum(fraudstream_transactions_total{{{own}}})", end)
        assert total.last == len(scores) == result["events"]
        day = scores["second"] // DAY_S
        for number in range(begin // DAY_S, end // DAY_S):
            growth = f"sum(increase(fraudstream_transactions_total{{{own}}}[1d]))"
            (found,) = at_once(server.url, growth, (number + 1) * DAY_S)
            assert found.last == pytest.approx((day == number).sum(), rel=0.02)
        for query in PANELS:
            read_panel(server, query, begin, end)
    finally:
        server.stop()
