"""A Redis of the tests' own, which can be killed, frozen, and given an older state."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from pathlib import Path

import redis

from stack.ports import LOOPBACK
from stack.redis_server import find_server
from tests.servers.ports import lasting_port

_START_S = 20.0


class OwnRedis:
    """One server with its append-only file flushed every second, as the product asks for.

    A killed process loses nothing: the file is in the operating system's memory. A machine that
    loses power loses what was not flushed; ``cut_back`` does that, to a moment noted before.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = lasting_port()
        self.start()

    @property
    def url(self) -> str:
        return f"redis://{LOOPBACK}:{self.port}/0"

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    find_server(), "--port", str(self.port), "--bind", LOOPBACK,
                    "--dir", self.folder, "--appendonly", "yes", "--appendfsync", "everysec",
                    "--auto-aof-rewrite-percentage", "0", "--save", "",
                ],
                stdout=log,
            )  # fmt: skip
        deadline = time.monotonic() + _START_S
        with redis.Redis(LOOPBACK, self.port) as client:
            while True:
                assert self.process.poll() is None, (self.folder / "log").read_text()[-4000:]
                try:
                    client.ping()
                    return
                except redis.RedisError:  # it may be loading
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.02)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def moment(self) -> int:
        """What ``cut_back`` can go back to."""
        return moment(self.folder)

    def cut_back(self, to: int) -> None:
        """Make the killed server forget what came after ``to``."""
        cut_back(self.folder, to)

    def back_up(self, to: Path) -> None:
        """Copy the data of the running server, as a nightly job would."""
        shutil.copytree(self.folder / "appendonlydir", to)

    def restore(self, backup: Path) -> None:
        """Give the killed server the data of a backup instead of its own."""
        self.empty()
        shutil.copytree(backup, self.folder / "appendonlydir")

    def empty(self) -> None:
        """Take all data from the killed server."""
        shutil.rmtree(self.folder / "appendonlydir")

    def flush(self) -> None:
        """FLUSHALL, as somebody may type it into the wrong terminal."""
        with redis.Redis(LOOPBACK, self.port) as client:
            client.flushall()

    def close(self) -> None:
        self.thaw()
        self.kill()


def moment(folder: Path) -> int:
    """How far the append-only file of the server that works in ``folder`` is written."""
    return _appended(folder).stat().st_size


def cut_back(folder: Path, to: int) -> None:
    """Make the killed server that worked in ``folder`` forget what came after a ``moment``."""
    file = _appended(folder)
    assert file.stat().st_size >= to, "the file was rewritten in between"
    with file.open("r+b") as content:
        content.truncate(to)


def _appended(folder: Path) -> Path:
    (file,) = (folder / "appendonlydir").glob("*.incr.aof")
    return file
