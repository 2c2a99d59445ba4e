"""The page and the command as a reader sees them."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from cli.data_profile import profile_file
from core.errors import ConfigError, DataError
from tests.model.events import write_csv
from tests.model.exploration.made import quiet

app = typer.Typer()
app.command()(profile_file)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a quiet file."""
    path = tmp_path_factory.mktemp("plain")
    csv = write_csv(path / "events.csv", *quiet())
    assert run(str(csv), "--out", str(path / "page.html")).exception is None
    return (path / "page.html").read_text()


def run(*args: str) -> Result:
    return CliRunner().invoke(app, list(args), env={"COLUMNS": "100"})


def page_of(csv: Path) -> str:
    result = run(str(csv))
    assert result.exception is None, result.exception
    return Path(f"{csv.stem}.profile.html").read_text()


def with_pictures(page: str) -> str:
    """The page and, as text, what is drawn in its pictures."""
    drawn = re.findall(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)", page)
    assert drawn
    return page + "".join(base64.b64decode(one).decode() for one in drawn)


def test_the_page_names_nobody(plain: str) -> None:
    batch, _ = quiet()
    content = with_pictures(plain)
    for name in ("user_id", "device_id", "ip_address"):
        for one in batch.text[name]:
            assert str(one) not in content
    assert "ecommerce-" not in content  # what made-up event ids begin with


def test_a_rejected_value_is_not_shown(folder: Path) -> None:
    batch, label = quiet(50)
    csv = write_csv(folder / "events.csv", batch, label)
    csv.write_text(
        csv.read_text() + csv.read_text().splitlines()[1].replace("2015", "secret") + "\n"
    )
    page = page_of(csv)
    assert "secret" not in page
    assert "1 line could not be used" in page
    assert "secret" in Path("events.rejects.csv").read_text()


def test_hostile_texts_are_escaped(folder: Path) -> None:
    batch, label = quiet()
    hostile = "<script>alert(1)</script>"
    browsers = [f"{hostile}$x^2$\u202e"] * 300 + batch.text["browser"][300:]
    csv = write_csv(
        folder / "a<b>.csv", replace(batch, text={**batch.text, "browser": browsers}), label
    )
    lines = csv.read_text().splitlines()
    csv.write_text(
        "\n".join([lines[0] + ",<img src=x>", *(f"{line},0" for line in lines[1:])]) + "\n"
    )
    content = with_pictures(page_of(csv))
    assert "<script" not in content
    assert "<img src=x" not in content
    assert "a<b>" not in content
    assert "&lt;script&gt;alert(1)&lt;/script&gt;$x^2$�" in content


def test_nothing_is_fetched_and_it_is_small(plain: str) -> None:
    targets = re.findall(r"(?:src|srcset|href)=\"([^\"]*)\"", plain)
    assert targets
    assert all(one.startswith(("data:image/svg+xml;base64,", "#")) for one in targets)
    assert "url(" not in plain
    assert len(plain) < 3_000_000


def test_the_same_file_gives_the_same_page(folder: Path, plain: str) -> None:
    assert page_of(write_csv(folder / "events.csv", *quiet())) == plain


def test_a_file_without_labels_says_so_and_leaves_fraud_out(folder: Path) -> None:
    csv = write_csv(folder / "events.csv", *quiet(), with_label=False)
    page = page_of(csv)
    assert "The file has no labels" in page
    for text in ("ROC AUC", "95 % interval)", "Map of the world: share of fraud"):
        assert text not in page
    assert "Map of the world: events" in page


def test_an_identifying_category_is_not_listed(folder: Path) -> None:
    batch, label = quiet()
    sources: list[str | None] = [f"campaign-{row}" for row in range(len(batch))]
    csv = write_csv(folder / "e.csv", replace(batch, text={**batch.text, "source": sources}), label)
    page = page_of(csv)
    assert "campaign-" not in page
    assert "600 values" in page


def test_json_holds_the_findings_and_no_page_goes_to_the_output(folder: Path) -> None:
    csv = write_csv(folder / "events.csv", *quiet())
    result = run(str(csv), "--json", "--out", "here.html")
    found = json.loads(result.stdout)
    assert found["report"] == "here.html"
    assert Path("here.html").read_text().startswith("<!doctype html>")
    codes = {one["code"]: one for one in found["findings"]}
    assert codes["repeats_of_user_id"]["weight"] == "trap"
    assert found["classes"]["fraud"] == 60
    assert found["file"]["rows"] == 600


def test_prose_says_traps_and_where_the_page_is(folder: Path) -> None:
    output = run(str(write_csv(folder / "events.csv", *quiet()))).stdout
    assert "trap  No user_id occurs twice." in output
    assert "events.profile.html" in output


def test_the_file_that_is_read_is_never_written_over(folder: Path) -> None:
    csv = write_csv(folder / "events.csv", *quiet(50))
    before = csv.read_bytes()
    result = run(str(csv), "--out", str(csv))
    assert isinstance(result.exception, ConfigError)
    assert csv.read_bytes() == before


def test_a_page_that_cannot_be_written_is_named(folder: Path) -> None:
    csv = write_csv(folder / "events.csv", *quiet(50))
    missing = run(str(csv), "--out", "no/folder.html").exception
    assert isinstance(missing, ConfigError)
    assert "there is no folder no" in str(missing)
    full = run(str(csv), "--out", str(folder)).exception
    assert isinstance(full, DataError)
    assert "choose another file with --out" in str(full)


def test_missing_packages_are_named_with_the_remedy(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "jinja2" else 1)
    result = run(str(write_csv(folder / "events.csv", *quiet(50))))
    assert isinstance(result.exception, ConfigError)
    assert "pip install 'fraudstream[train]'" in str(result.exception)
