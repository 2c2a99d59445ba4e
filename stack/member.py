"""One server of a stack and what is remembered of it: ``run/*.json``, ``logs/*.log``, its folder.

Promise: a server that was started is on record before anything else happens, and only the process
on record is ever waited for or stopped.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from core.errors import StackError
from stack.ports import pick
from stack.process import Record, exit_code, find, spawn, stop, tail
from stack.service import NotReadyError, Report, Service

#: starting: the process lives but does not answer (yet); external: run by somebody else;
#: absent: optional and not installed.
State = Literal["up", "starting", "down", "external", "absent"]

_POLL_S = 0.05
_PORT_TRIES = 3
_PORT_LOST = "address already in use"


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """How one server is doing."""

    name: str
    state: State
    address: str | None = None
    pid: int | None = None
    log: Path | None = None
    detail: str = ""  #: why it is not up

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong with it; what is not ours to run is not wrong."""
        return self.state not in ("starting", "down")


class Member:
    """A service in the folder of a stack."""

    def __init__(self, service: Service, root: Path) -> None:
        self.service = service
        self.name = service.name
        self.folder = root / service.name
        self.log = root / "logs" / f"{service.name}.log"
        self._record = root / "run" / f"{service.name}.json"

    def running(self) -> tuple[psutil.Process, int] | None:
        """The living process on record and its port."""
        record = Record.read(self._record)
        process = find(record)
        return None if record is None or process is None else (process, record.port)

    def start(self, ports: Iterable[int], report: Report) -> None:
        """Start the server on the first free of ``ports``, else on the one it had, else on any.

        Returns without waiting for it; a port that was asked for and is taken is reported.
        """
        wanted = tuple(ports)
        before = Record.read(self._record)
        port = pick((*wanted, *([before.port] if before else [])))
        if wanted and port not in wanted:
            report(f"port {wanted[0]} is taken; {self.name} takes {port}")
        command = self.service.prepare(self.folder, port, report)
        process = spawn(command.argv, command.environ, self.log)
        Record(process.pid, process.create_time(), port).write(self._record)

    def wait(self, report: Report) -> str:
        """Wait until the server answers; gives its address.

        A server that ended because its port was lost to somebody is started on another one.

        Raises:
            StackError: it ended, or does not answer in time; shows the end of its log.
        """
        begun = time.monotonic()
        tries = 1
        reason = ""
        while time.monotonic() - begun < self.service.start_timeout:
            found = self.running()
            if found is None:
                if tries == _PORT_TRIES or _PORT_LOST not in tail(self.log, 60).lower():
                    raise StackError(self._ended())
                tries += 1
                self._record.unlink(missing_ok=True)  # its port is the one that was lost
                self.start((), report)
                continue
            try:
                self.service.probe(self.folder, found[1])
            except NotReadyError as error:
                reason = str(error)
                time.sleep(_POLL_S)
                continue
            return self.service.address(found[1])
        raise StackError(
            f"{self.name} does not answer after {self.service.start_timeout:.0f} s ({reason}); "
            f"its log {self.log} ends with:\n{tail(self.log)}"
        )

    def stop(self, grace: float) -> bool:
        """End the process on record, if it lives; says whether it did. Forgets the record."""
        found = self.running()
        if found is not None:
            stop(found[0], grace)
        if self._record.exists():
            self._record.unlink()
        return found is not None

    def status(self) -> ServiceStatus:
        """Look at the process and ask the server."""
        found = self.running()
        if found is None:
            log = self.log if self.log.exists() else None
            detail = "ended by itself; see its log" if self._record.exists() else "not started"
            return ServiceStatus(self.name, "down", log=log, detail=detail)
        process, port = found
        state: State = "up"
        detail = ""
        try:
            self.service.probe(self.folder, port)
        except NotReadyError as error:
            state, detail = "starting", str(error)
        address = self.service.address(port)
        return ServiceStatus(self.name, state, address, process.pid, self.log, detail)

    def _ended(self) -> str:
        record = Record.read(self._record)
        code = None if record is None else exit_code(record.pid)
        ended = "ended" if code is None else f"ended with code {code}"
        return (
            f"{self.name} {ended} while starting; its log {self.log} ends with:\n{tail(self.log)}"
        )
