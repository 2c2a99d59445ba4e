"""The notebooks run from top to bottom, say nothing on stderr, and are kept without outputs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from ipykernel.kernelspec import write_kernel_spec
from nbclient import NotebookClient
from nbformat import NotebookNode

from producer.sample import SampleOptions, write_sample
from tests.stream.forked import ROOT

FOLDER = ROOT / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
#: For one cell and for a notebook; a busy machine fails no test.
CELL_S, NOTEBOOK_S = 600, 900

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@pytest.fixture(scope="module", autouse=True)
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """``python3`` is the running interpreter, whatever is registered or set up on this machine."""
    folder = tmp_path_factory.mktemp("jupyter")
    write_kernel_spec(str(folder / "kernels" / "python3"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(folder))  # searched before all other folders
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
            patch.setenv(name, str(folder / name.lower()))
        patch.setenv("PYTHONPATH", str(ROOT))
        yield


@pytest.fixture(params=["sample", "banking file"])
def data(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the notebooks work on: their own sample, or a file that is named to them."""
    if request.param == "banking file":
        path = tmp_path / "payments.csv"
        write_sample(path, SampleOptions("banking", rows=6_000, fraud_rate=0.03))
        monkeypatch.setenv("FRAUDSTREAM_NOTEBOOK_CSV", str(path))


def read(path: Path) -> NotebookNode:
    notebook: NotebookNode = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    return notebook


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_there_are_three() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["1-exploration", "2-features", "3-modelling"]


@pytest.mark.timeout(NOTEBOOK_S)
@pytest.mark.usefixtures("data")
@each_notebook
def test_a_notebook_runs_from_top_to_bottom(path: Path) -> None:
    notebook = read(path)
    # A cell that fails raises here.
    NotebookClient(
        notebook, timeout=CELL_S, resources={"metadata": {"path": str(FOLDER)}}
    ).execute()
    cells = code_cells(notebook)
    outputs = [output for cell in cells for output in cell.outputs]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert [one for one in outputs if one.output_type in ("error", "stream")] == []
    shown = [one.data for one in outputs]
    assert any("image/png" in one for one in shown)
    assert any("text/html" in one for one in shown)
    # What a notebook claims and then computes is true.
    assert "False" not in [one["text/plain"] for one in shown]


@each_notebook
def test_a_notebook_is_kept_without_what_running_it_leaves(path: Path) -> None:
    notebook = read(path)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    for cell in code_cells(notebook):
        assert cell.outputs == []
        assert cell.execution_count is None


@pytest.mark.parametrize("command", [("format", "--check"), ("check",)], ids=" ".join)
def test_the_notebooks_are_formatted(command: tuple[str, ...]) -> None:
    run = [sys.executable, "-m", "ruff", *command, "--quiet", str(FOLDER)]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
