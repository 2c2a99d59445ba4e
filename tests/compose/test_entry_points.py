"""Services of ours run outside of Docker: same arguments and settings, nowhere to write but /data.

The order is that of ``depends_on``: sample, train, worker, replay, check.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from core.settings import Settings
from tests.compose.compose_file import services
from tests.compose.installed import LOCKS, Image, command, image_of, install, replaced
from tests.servers.ports import lasting_port
from tests.stream.workers import Reader

#: Small, and quick: what is asked is whether it runs.
SERVICES = services({"SAMPLE_ROWS": "3000", "REPLAY_RATE": "20000"})
_ENOUGH_S = 240


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Image]:
    """Both images."""
    return {name: install(name, tmp_path_factory.mktemp(name)) for name in LOCKS}


@dataclass(frozen=True, slots=True)
class Stack:
    """Services beside each other, with one volume."""

    images: dict[str, Image]
    data: Path
    places: dict[str, str]
    namespace: str

    def start(self, name: str, log: Path, *more: str) -> subprocess.Popen[bytes]:
        """Start a service, with other arguments if any are given."""
        service = SERVICES[name]
        image = self.images[image_of(service)]
        words = list(more) or command(service, self.places)
        environment = image.environment(service, self.places)
        with log.open("ab") as output:
            return subprocess.Popen(
                [*image.program, *words],
                cwd=self.data,
                env={**environment, "FRAUDSTREAM_NAMESPACE": self.namespace},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def run(self, name: str, *more: str) -> str:
        """What a service that ends by itself says; it must end well."""
        log = self.data.parent / f"{name}.log"
        code = self.start(name, log, *more).wait(_ENOUGH_S)
        text = log.read_text()
        assert code == 0, text
        return text


@pytest.fixture
def stack(images: dict[str, Image], settings: Settings, tmp_path: Path) -> Stack:
    """A volume and a namespace of the test's own; Kafka and Redis by the names they have here."""
    for name in ("data", "tmp"):
        (tmp_path / name).mkdir()
    environment = SERVICES["worker"]["environment"]
    places = {
        environment["FRAUDSTREAM_KAFKA"]: settings.kafka,
        environment["FRAUDSTREAM_REDIS"]: settings.redis.get_secret_value(),
        str(environment["FRAUDSTREAM_METRICS_PORT"]): str(lasting_port()),
        "/data": str(tmp_path / "data"),
        "/tmp": str(tmp_path / "tmp"),  # noqa: S108
    }
    return Stack(images, tmp_path / "data", places, settings.namespace)


def mounted_read_only(stack: Stack) -> Stack:
    """The same with a volume that nobody can write to; it has what is in the other one now."""
    copy = stack.data.parent / "mounted"
    shutil.copytree(stack.data, copy)
    for path in (copy, *copy.rglob("*")):
        path.chmod(path.stat().st_mode & ~0o222)
    return replace(stack, data=copy, places={**stack.places, "/data": str(copy)})


@contextmanager
def worker(stack: Stack, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The worker, healthy; its volume is mounted for reading alone, as the compose file says."""
    assert SERVICES["worker"]["volumes"] == ["work:/data:ro"]
    stack = mounted_read_only(stack)
    process = stack.start("worker", log)
    try:
        deadline = time.monotonic() + 90
        while not healthy(stack, "worker"):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield process
    finally:
        process.kill()
        process.wait()


def healthy(stack: Stack, name: str) -> bool:
    """What the service's health check says."""
    kind, program, *words = SERVICES[name]["healthcheck"]["test"]
    assert (kind, program) == ("CMD", "python")
    image = stack.images[image_of(SERVICES[name])]
    asked = subprocess.run(
        [sys.executable, "-S", *(replaced(word, stack.places) for word in words)],
        env=image.environment(SERVICES[name], stack.places),
        capture_output=True,
        check=False,
        timeout=20,
    )
    return asked.returncode == 0


@pytest.mark.integration
@pytest.mark.timeout(600)
def test_sample_train_worker_replay_and_check_do_their_work(stack: Stack, tmp_path: Path) -> None:
    stack.run("sample")
    assert (stack.data / "sample.csv").read_text().count("\n") == 3001
    assert "is the champion now" in stack.run("train")
    log = tmp_path / "worker.log"
    with worker(stack, log) as process:
        said = stack.run("replay")
        sent = int(said.partition("events sent")[2].split()[0].replace(",", ""))
        assert 0 < sent < 3000  # the part that the model has not seen
        reader = Reader(own_settings(stack))
        try:
            found = reader.read_until(sent)
        finally:
            reader.close()
        assert len(found.scored_ids) == sent
        assert not found.dead
        assert "FAIL" not in stack.run("check")
        process.send_signal(signal.SIGTERM)
        assert process.wait(int(SERVICES["worker"]["stop_grace_period"].rstrip("s"))) == 0
        assert not healthy(stack, "worker")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert any("worker ready" in line["message"] for line in lines)


def own_settings(stack: Stack) -> Settings:
    environment = stack.images["worker"].environment(SERVICES["worker"], stack.places)
    return Settings(kafka=environment["FRAUDSTREAM_KAFKA"], namespace=stack.namespace)


@pytest.mark.integration
def test_a_worker_without_a_model_says_what_to_do_and_ends(stack: Stack) -> None:
    log = stack.data.parent / "worker.log"
    assert stack.start("worker", log).wait(_ENOUGH_S) == 1
    (line,) = log.read_text().splitlines()
    assert "fraudstream train" in line


@pytest.mark.integration
def test_training_is_not_in_the_worker_s_image(stack: Stack) -> None:
    stack.run("sample")
    log = stack.data.parent / "worker.log"
    words = command(SERVICES["train"], stack.places)
    assert stack.start("worker", log, *words).wait(_ENOUGH_S) == 2
    assert "train" in log.read_text()
    assert "Traceback" not in log.read_text()


def test_the_images_hold_the_whole_project_and_nothing_of_this_environment(
    images: dict[str, Image],
) -> None:
    for name, image in images.items():
        program = "import cli, stack, json; print(json.dumps([cli.__file__, stack.__file__]))"
        asked = subprocess.run(
            [*image.program[:-1], "-c", program],
            env=image.environment({"environment": {}}, {}),
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        assert asked.returncode == 0, asked.stderr
        assert all(path.startswith(str(image.folder)) for path in json.loads(asked.stdout)), name


@pytest.mark.skipif(sys.platform != "linux", reason="capabilities are Linux's")
def test_root_is_one_without_rights(images: dict[str, Image], tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o555)
    script = f"open({str(tmp_path / 'closed' / 'file')!r}, 'w')"
    tried = subprocess.run(
        [*images["worker"].program[:-1], "-c", script], capture_output=True, text=True, check=False
    )
    assert "PermissionError" in tried.stderr, shlex.join(images["worker"].program)
    assert not os.listdir(tmp_path / "closed")
