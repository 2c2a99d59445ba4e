"""Where a replay stands, so that it can be taken up again without a gap and without a repeat.

Promise: when a checkpoint names a position, the broker has acknowledged every record before it,
and every record from there on that got into a topic nevertheless lies at or behind the offsets
that the checkpoint names.

1. Before the first record, and then every few seconds, the sender waits for all acknowledgements,
   asks for the topics' end offsets and writes both down (a new file, renamed over the old one).
2. On ``--resume`` the stretch of the topics behind those offsets is read, and the event ids found
   there are left out. They may lie apart, since partitions progress independently; until the last
   of them has been passed, later checkpoints keep the older offsets.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import msgspec

from core.errors import CheckpointError, ConfigError, DataError
from core.settings import STACK_DIR

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One written state.

    Attributes:
        plan: ``Plan.fingerprint``.
        options: what shaped the plan, as the user would type it.
        topics: topic → id that the broker gave it at its creation.
        offsets: topic → offset of each partition behind which unconfirmed records may lie.
        shift_ms: shift of the plan.
        position: records confirmed.
        events: events among them.
        done: the plan has been sent to its end.
    """

    plan: str
    options: str
    topics: dict[str, str]
    offsets: dict[str, list[int]]
    shift_ms: int = 0
    position: int = 0
    events: int = 0
    done: bool = False
    version: int = _VERSION

    def at(
        self, position: int, events: int, offsets: dict[str, list[int]], *, done: bool
    ) -> Checkpoint:
        """The same replay, further on."""
        return replace(self, position=position, events=events, offsets=offsets, done=done)


def checkpoint_path(csv: Path, profile: str, namespace: str, folder: Path = STACK_DIR) -> Path:
    """The file that holds the checkpoint of a CSV's replay into one namespace."""
    name = hashlib.sha256(str(csv.resolve()).encode()).hexdigest()[:16]
    return folder / "replay" / f"{namespace}-{profile}-{name}.json"


def read_checkpoint(path: Path) -> Checkpoint | None:
    """What was written last; None where nothing was.

    Raises:
        DataError: the file is damaged or of another version.
    """
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Checkpoint)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise _unusable(path, str(error)) from None
    if found.version != _VERSION:
        raise _unusable(path, f"version {found.version}, wanted {_VERSION}")
    return found


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Replace the file in one step: a crash leaves the old state or the new one.

    Raises:
        CheckpointError: the file cannot be written.
    """
    fresh = path.with_suffix(".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with fresh.open("wb") as file:
            file.write(msgspec.json.encode(asdict(checkpoint)))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise CheckpointError(
            f"checkpoint {path} cannot be written: {error.strerror}: make it writable or make room"
        ) from None


@contextmanager
def sole_replay(path: Path) -> Iterator[None]:
    """Keep a second replay of the same file into the same namespace out while this one runs.

    Raises:
        ConfigError: one is running, or the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_suffix(".lock").open("w")
    except OSError as error:
        raise ConfigError(f"checkpoint {path} cannot be written: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                "another replay of this file into this namespace is running: stop it first, or use "
                "--namespace or --fresh"
            ) from None
        yield


def _unusable(path: Path, why: str) -> DataError:
    return DataError(
        f"checkpoint {path} cannot be used ({why}): leave --resume out to start from the beginning"
    )
