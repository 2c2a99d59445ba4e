"""The ``Dockerfile``: exact, without rights, with all that the product needs and no more."""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatch
from typing import Any

import pytest

from tests.compose.compose_file import services
from tests.compose.dockerfile import (
    DOCKERFILE,
    Stage,
    entry_point,
    last,
    lineage,
    sources,
    stages,
)
from tests.compose.locks import entries, names_here
from tests.stream.forked import ROOT

STAGES = stages()
IMAGES = ("worker", "tools")
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))

each_image = pytest.mark.parametrize("image", IMAGES)


def copied() -> list[str]:
    return [source for stage in STAGES.values() for source in sources(stage)]


def test_it_begins_with_one_exact_slim_python() -> None:
    bases = [stage.base for stage in STAGES.values() if stage.base not in STAGES]
    assert len(bases) == 1
    found = re.fullmatch(r"python:(3\.\d+)\.\d+-slim-[a-z]+", bases[0])
    assert found
    floor = PROJECT["project"]["requires-python"].removeprefix(">=")
    assert tuple(map(int, found[1].split("."))) >= tuple(map(int, floor.split(".")))


def test_the_compose_file_builds_its_images_and_the_worker_is_the_default() -> None:
    targets = {one["build"]["target"] for one in services().values() if "build" in one}
    assert targets == set(IMAGES)
    assert list(STAGES)[-1] == "worker"


@each_image
def test_it_is_not_run_by_root(image: str) -> None:
    # A number: Kubernetes cannot tell of a name that it is not root's.
    assert last(image, "USER") == "10001:10001"
    after = False
    for stage in lineage(image):
        for instruction, arguments in stage.instructions:
            after = after or instruction == "USER"
            assert not (after and instruction == "RUN"), arguments


@each_image
def test_what_built_it_stays_behind(image: str) -> None:
    own: list[Stage] = lineage(image)
    run = " ".join(arguments for stage in own for arguments in stage.all("RUN"))
    assert "pip" not in run
    assert "apt-get" not in run
    assert [words for stage in own for words in stage.all("COPY")] == [
        f"--from={'package' if image == 'worker' else 'training'} /opt/venv /opt/venv"
    ]
    built = lineage("package" if image == "worker" else "training")
    assert built[-1].all("RUN")[-1].endswith("uninstall --yes setuptools")


def test_nothing_is_fetched_but_what_the_locks_name() -> None:
    text = DOCKERFILE.read_text("utf-8")
    assert not any(stage.all("ADD") for stage in STAGES.values())
    assert "http" not in text
    commands = [
        one for stage in STAGES.values() for run in stage.all("RUN") for one in run.split("&&")
    ]
    installs = [one.split() for one in commands if " install " in one]
    assert len(installs) == 3
    for words in installs:
        assert "--no-deps" in words
        assert "--require-hashes" in words or words[-1] == ".", words


def test_what_it_copies_is_there_and_reaches_the_build() -> None:
    rules = [
        line
        for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    assert rules[0] == "*"
    for source in copied():
        assert (ROOT / source).exists(), source
    assert allowed == set(copied())


def test_every_package_of_the_project_is_copied() -> None:
    patterns = PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    packages = {
        path.parent.name
        for path in ROOT.glob("*/__init__.py")
        if any(fnmatch(path.parent.name, pattern) for pattern in patterns)
    }
    assert {"core", "stream", "cli"} < packages
    files = {PROJECT["project"]["readme"], *PROJECT["project"]["license-files"], "pyproject.toml"}
    assert set(sources(STAGES["package"])) == packages | files


@each_image
def test_the_entry_point_is_the_command_of_the_project(image: str) -> None:
    (program,) = entry_point(image)
    assert program in PROJECT["project"]["scripts"]
    assert "PATH=/opt/venv/bin:$PATH" in last_of_path(image)


def last_of_path(image: str) -> str:
    (found,) = [words for one in lineage(image) for words in one.all("ENV") if "PATH=/opt" in words]
    return found


def test_the_worker_s_lock_is_a_part_of_the_other_and_leaves_training_out() -> None:
    worker = entries(ROOT / "requirements-worker.txt")
    every = entries(ROOT / "requirements.txt")
    assert worker.items() <= every.items()

    def wanted(extra: list[str]) -> set[str]:
        return {re.split(r"[<>=!; \[]", one)[0].lower() for one in extra}

    names = set(names_here(ROOT / "requirements-worker.txt"))
    optional = PROJECT["project"]["optional-dependencies"]
    assert not (wanted(optional["train"]) - {"scipy"}) & names  # xgboost needs scipy
    assert not wanted(optional["stack"]) & names
    assert wanted(PROJECT["project"]["dependencies"]) - {"xgboost", "xgboost-cpu"} <= names
