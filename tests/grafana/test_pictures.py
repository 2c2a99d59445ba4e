"""Pictures of dashboards are drawn from the panels' queries, and say how they were made."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.image import imread

from docs import dashboard_pictures
from docs.dashboard_pictures import CAPTION, picture
from docs.units import written
from grafana.expressions import dashboards, panels_of
from tests.grafana.conftest import Filled


def test_every_dashboard_becomes_a_picture(filled: Filled, tmp_path: Path) -> None:
    arguments = ["--url", filled.url, "--out", str(tmp_path), "--end", str(filled.end)]
    times = ["--range", str(filled.range_s), "--scrape", str(filled.step_s)]
    assert dashboard_pictures.main([*arguments, *times]) == 0
    names = {Path(name).stem for name in dashboards()}
    assert {path.stem for path in tmp_path.glob("*.png")} == names
    for path in tmp_path.glob("*.png"):
        pixels = imread(path)
        assert pixels.shape[1] > 1000
        assert pixels[:, :, :3].std() > 0.05, "nothing is drawn"


@pytest.mark.parametrize("name", dashboards())
def test_a_picture_has_every_panel_and_none_is_empty(filled: Filled, name: str) -> None:
    dashboard = dashboards()[name]
    figure = picture(filled.url, dashboard, filled.end, filled.range_s, filled.step_s)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == [panel["title"] for panel in panels_of(dashboard)]
    texts = {text.get_text() for axes in figure.axes for text in axes.texts}
    assert not texts & {"no data", "no transactions", "no events", "no model", "no partition yet"}
    assert CAPTION in {text.get_text() for text in figure.texts}
    assert "not a screenshot" in CAPTION


def test_without_a_prometheus_it_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dashboard_pictures.main(["--url", "http://127.0.0.1:1", "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("error: no answer from the Prometheus at")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0359, "percentunit", "3.59 %"),
        (9430, "short", "9.43 K"),
        (12.5e6, "short", "12.5 Mil"),
        (1.654, "cps", "1.65 c/s"),
        (0.25, "cpm", "0.25 c/m"),
        (90, "s", "1.5 min"),
        (3 * 1024**2, "bytes", "3 MiB"),
        (float("nan"), "s", "–"),
    ],
)
def test_values_have_their_units(value: float, unit: str, text: str) -> None:
    assert written(value, unit) == text


def test_an_unknown_unit_is_an_error() -> None:
    with pytest.raises(ValueError, match="parsec"):
        written(1, "parsec")
