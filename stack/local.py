"""Kafka, Redis and, where installed, Prometheus on this machine, without Docker and without root.

Promises: ``up`` returns when every server answers in its own protocol; calling it again changes
nothing; ``down`` leaves no process behind; a server that does not start is named with its log.

Everything lies under one folder: ``data/``, ``logs/``, ``run/`` (process records), ``ports.json``
and ``env``, which ``core.settings`` reads.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.errors import StackError
from core.settings import STACK_DIR
from stack.artefacts import Fetched, fetch
from stack.process import Child
from stack.services import Kafka, Prometheus, Redis, Service, free_port, port_is_free

Report = Callable[[str], None]
_CONTROLLER_PORT = 9093
_POLL_S = 0.1


def _silent(_: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the servers are; ``started`` says whether this call started any."""

    kafka: str
    redis: str
    prometheus: str | None
    started: bool


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """One server: whether its process lives, whether it answers, where it is."""

    name: str
    running: bool
    healthy: bool
    address: str
    pid: int | None
    log: str


class LocalStack:
    """The servers of one folder.

    Args:
        root: the folder. Only the default one tries the usual ports; others take free ones.
        prometheus: start Prometheus too, where it is installed.
    """

    def __init__(self, root: Path = STACK_DIR, *, prometheus: bool = True) -> None:
        self.root = root
        self._usual_ports = root == STACK_DIR
        self._with_prometheus = prometheus and shutil.which("prometheus") is not None
        self._prometheus_wanted = prometheus

    def fetch(self, report: Report = _silent) -> Fetched:
        """Download what is missing; see ``stack.artefacts.fetch``."""
        return fetch(report)

    def up(self, report: Report = _silent) -> Addresses:
        """Start what does not run yet.

        Raises:
            StackError: an artefact is missing, or a server does not start.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with self._locked():
            services = self._services(self.fetch(report).jars)
            if self._prometheus_wanted and not self._with_prometheus:
                report("Prometheus is not installed: going on without (optional)")
            todo = [one for one in services if one.child.find() is None]
            for service in todo:
                service.launch()
            try:
                self._await(services)
            except StackError:
                for service in todo:
                    service.child.stop()
                raise
            kafka, redis = services[0].address, services[1].address
            prometheus = services[2].address if len(services) > 2 else None
            lines = [f"FRAUDSTREAM_KAFKA={kafka}", f"FRAUDSTREAM_REDIS={redis}"]
            if prometheus:
                lines.append(f"# Prometheus: {prometheus}")
            (self.root / "env").write_text("\n".join(lines) + "\n")
            for service in todo:
                report(f"{service.name} is up at {service.address}")
            return Addresses(kafka, redis, prometheus, started=bool(todo))

    def down(self, *, wipe: bool = False) -> list[str]:
        """Stop everything; returns the names of what was running.

        Args:
            wipe: also delete data and logs.
        """
        if not self.root.is_dir():
            return []
        with self._locked():
            names = (Prometheus.name, Kafka.name, Redis.name)
            stopped = [name for name in names if Child(name, self.root).stop()]
            (self.root / "env").unlink(missing_ok=True)
            if wipe:
                for folder in ("data", "logs", "run"):
                    shutil.rmtree(self.root / folder, ignore_errors=True)
                (self.root / "ports.json").unlink(missing_ok=True)
        return stopped

    def status(self) -> list[ServiceStatus]:
        """How each server is, without changing anything."""
        found = []
        for service in self._known_services():
            process = service.child.find()
            found.append(
                ServiceStatus(
                    service.name,
                    process is not None,
                    process is not None and service.healthy(),
                    service.address,
                    None if process is None else process.pid,
                    str(service.child.log),
                )
            )
        return found

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One ``up`` or ``down`` at a time."""
        with (self.root / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _known_services(self) -> list[Service]:
        ports = self._read_ports()
        services: list[Service] = [
            Kafka(self.root, ports.get("kafka", Kafka.usual_port), ports.get("controller", 0), []),
            Redis(self.root, ports.get("redis", Redis.usual_port)),
        ]
        if self._with_prometheus:
            services.append(Prometheus(self.root, ports.get("prometheus", Prometheus.usual_port)))
        return services

    def _services(self, jars: list[Path]) -> list[Service]:
        ports = self._choose_ports()
        services: list[Service] = [
            Kafka(self.root, ports["kafka"], ports["controller"], jars),
            Redis(self.root, ports["redis"]),
        ]
        if self._with_prometheus:
            services.append(Prometheus(self.root, ports["prometheus"]))
        return services

    def _read_ports(self) -> dict[str, int]:
        try:
            ports: dict[str, int] = json.loads((self.root / "ports.json").read_text())
        except (OSError, ValueError):
            return {}
        return ports

    def _choose_ports(self) -> dict[str, int]:
        """The ports of last time for what runs; the usual ones, or free ones, for the rest."""
        before = self._read_ports()
        usual = {
            Kafka.name: Kafka.usual_port,
            "controller": _CONTROLLER_PORT,
            Redis.name: Redis.usual_port,
            Prometheus.name: Prometheus.usual_port,
        }
        chosen: dict[str, int] = {}
        for name, port in usual.items():
            owner = Child(Kafka.name if name == "controller" else name, self.root)
            if name in before and (owner.find() is not None or port_is_free(before[name])):
                chosen[name] = before[name]
            elif self._usual_ports and port_is_free(port):
                chosen[name] = port
            else:
                chosen[name] = free_port(set(chosen.values()) | set(usual.values()))
        (self.root / "ports.json").write_text(json.dumps(chosen))
        return chosen

    @staticmethod
    def _await(services: list[Service]) -> None:
        for service in services:
            deadline = time.monotonic() + service.start_s
            while not service.healthy():
                if service.child.find() is None:
                    raise StackError(
                        f"{service.name} ended while starting: see {service.child.log}\n"
                        f"{service.child.tail()}"
                    )
                if time.monotonic() > deadline:
                    raise StackError(
                        f"{service.name} does not answer at {service.address} after "
                        f"{service.start_s:.0f} s: see {service.child.log}\n{service.child.tail()}"
                    )
                time.sleep(_POLL_S)
