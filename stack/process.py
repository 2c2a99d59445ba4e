"""Child processes that outlive their parent, and can be found and stopped again.

A record ``{name}.json`` holds the process id and its creation time: together they name one process
for ever, so a recycled id is never taken for ours, nor killed.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

_TERM_S = 15.0
_TAIL_LINES = 8
_TAIL_BYTES = 16_384


class Child:
    """A process of the stack.

    Args:
        name: of the service.
        root: folder of the stack; records lie in ``run/``, logs in ``logs/``.
    """

    def __init__(self, name: str, root: Path) -> None:
        self.name = name
        self.log = root / "logs" / f"{name}.log"
        self._record = root / "run" / f"{name}.json"

    def start(self, command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> None:
        """Start the process, in a session of its own, its output appended to the log."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._record.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **(env or {})},
            )
        created = psutil.Process(process.pid).create_time()
        self._record.write_text(json.dumps({"pid": process.pid, "created": created}))

    def find(self) -> psutil.Process | None:
        """The live process, or None."""
        try:
            record = json.loads(self._record.read_text())
            process = psutil.Process(record["pid"])
            alive = (
                abs(process.create_time() - record["created"]) < 1
                and process.is_running()
                and process.status() != psutil.STATUS_ZOMBIE
            )
        except (OSError, ValueError, KeyError, TypeError, psutil.Error):
            return None
        return process if alive else None

    def stop(self) -> bool:
        """Ask, then force; returns whether there was anything to stop."""
        process = self.find()
        if process is not None:
            for end, patience in ((process.terminate, _TERM_S), (process.kill, _TERM_S)):
                try:
                    end()
                    process.wait(patience)
                except psutil.TimeoutExpired:
                    continue
                except psutil.NoSuchProcess:
                    pass
                break
        self._record.unlink(missing_ok=True)
        return process is not None

    def tail(self) -> str:
        """The last lines of the log."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - _TAIL_BYTES))
                lines = file.read().decode(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-_TAIL_LINES:])


