"""Child processes that outlive the command that started them, and are found again by identity.

Promise: a process is only ever signalled when it is the very one that was started here. A pid alone
does not say that (pids are reused, pid files survive a reboot); a pid with the moment of creation
does.

1. ``spawn`` starts a program in a session of its own, so that neither the end of the command nor a
   Ctrl-C in its terminal reaches it, with its output in a log file.
2. ``Record`` keeps pid, moment of creation and port in a small JSON file.
3. ``find`` gives the process of a record back, or None when it is gone.
4. ``stop`` ends it and its children: politely, then by force.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from core.errors import StackError

#: The operating system reports creation times relative to a boot time that moves by fractions of a
#: second when the clock is corrected.
_SAME_MOMENT_S = 2.0
_KILL_WAIT_S = 10.0
_TAIL_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class Record:
    """What is remembered of a started process."""

    pid: int
    created: float  #: seconds since the epoch, as the operating system gives it
    port: int

    def write(self, path: Path) -> None:
        """Replace ``path`` in one step, so that a reader never sees half a record."""
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(self)), encoding="utf-8")
        fresh.replace(path)

    @classmethod
    def read(cls, path: Path) -> Record | None:
        """The record in ``path``; None when there is none or it cannot be read as one."""
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            return cls(int(found["pid"]), float(found["created"]), int(found["port"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None


def spawn(argv: Sequence[str], environ: Mapping[str, str], log: Path) -> psutil.Process:
    """Start ``argv`` in a new session with standard output and error in ``log``.

    A log that is already there becomes ``<log>.1``: the output of the start before stays readable.

    Raises:
        StackError: the program cannot be executed.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_name(log.name + ".1"))
    output = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    try:
        # Not subprocess.Popen: its objects complain when they are dropped while the child runs,
        # which is exactly what is wanted here.
        pid = os.posix_spawnp(
            argv[0],
            list(argv),
            dict(environ),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(log), output, 0o644),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
            # Python ignores these two; a child that inherited that would behave differently.
            setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],
        )
    except OSError as error:
        raise StackError(f"cannot execute {argv[0]}: {error.strerror}") from None
    return psutil.Process(pid)


def find(record: Record | None) -> psutil.Process | None:
    """The living process that ``record`` was written for, else None."""
    if record is None:
        return None
    try:
        process = psutil.Process(record.pid)
        same = abs(process.create_time() - record.created) < _SAME_MOMENT_S
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def exit_code(pid: int) -> int | None:
    """Exit code of an ended child (negative: the signal that ended it); None if not to be had."""
    try:
        ended, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    return os.waitstatus_to_exitcode(status) if ended else None


def stop(process: psutil.Process, grace: float) -> None:
    """End ``process`` and its children; returns when all are gone.

    Args:
        process: as given by ``find`` or ``spawn``.
        grace: seconds between the polite signal and the forced one; 0 forces at once.

    Raises:
        StackError: something is still there after the forced signal.
    """
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    alive = family
    if grace > 0:
        _signal(family, signal.SIGTERM)
        _, alive = psutil.wait_procs(family, timeout=grace)
    _signal(alive, signal.SIGKILL)
    _, alive = psutil.wait_procs(alive, timeout=_KILL_WAIT_S)
    if alive:
        pids = ", ".join(str(member.pid) for member in alive)
        raise StackError(f"process {pids} does not end even when killed; look at it with ps")


def tail(log: Path, lines: int = 12) -> str:
    """The last ``lines`` lines of ``log``, indented; a placeholder when it says nothing."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        text = ""
    last = [line.rstrip() for line in text.splitlines() if line.strip()][-lines:]
    return "\n".join(f"  {line}" for line in last) or "  (the log is empty)"


def _signal(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue
