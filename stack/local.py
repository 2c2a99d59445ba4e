"""Kafka, Redis and (where installed) Prometheus of one checkout, as child processes.

Promise: after ``up`` returns, every server answers in its own protocol, at the addresses in
``<root>/env``; after ``down`` returns, no process of the stack is left. Doing either twice is
harmless, and two at the same time wait for each other.

How ``up`` works:

1. Take the lock of the folder.
2. For each server: if the process on record lives, keep it; else choose a port, write its
   settings, start it, and record pid, moment of creation and port at once.
3. Wait until each one answers, and is the one that works in this folder. One that ends instead is
   started on another port if it lost its port to somebody, else the end of its log is shown.
4. Write the addresses. If anything failed, what this call started is stopped again.
"""

from __future__ import annotations

import shutil
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from core.settings import STACK_DIR, Settings
from stack.guard import exclusive
from stack.kafka import Kafka, fetch
from stack.member import Member, ServiceStatus
from stack.prometheus import Prometheus, is_installed
from stack.redis_server import RedisServer
from stack.service import Report

__all__ = ["Addresses", "LocalStack", "ServiceStatus", "fetch"]


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the servers of a stack are."""

    kafka: str  #: bootstrap servers
    redis: str  #: URL
    prometheus: str | None  #: URL; None where it is not installed or not wanted
    started: bool  #: whether this call started anything


def _silent(_: str) -> None:
    """Tell nobody."""


class LocalStack:
    """The servers that live in one folder.

    Args:
        root: the folder, relative to the working directory or absolute. In the default one the
            usual ports are taken where free; in any other one free ports of no significance.
        prometheus: whether to run Prometheus where it is installed.
        kafka: bootstrap servers of a broker that somebody else runs; then none is started here.
        redis: URL of a Redis that somebody else runs; then none is started here.
    """

    def __init__(
        self,
        root: Path = STACK_DIR,
        *,
        prometheus: bool = True,
        kafka: str | None = None,
        redis: str | None = None,
    ) -> None:
        self.root = root.resolve()
        self._usual_ports = root == STACK_DIR
        self._external = {"kafka": kafka, "redis": redis}
        self._prometheus = prometheus
        self._env = self.root / "env"

    @classmethod
    def configured(cls, root: Path = STACK_DIR) -> LocalStack:
        """The stack as the user's settings want it.

        ``FRAUDSTREAM_KAFKA`` and ``FRAUDSTREAM_REDIS`` in the environment or in ``.env`` mean
        servers that exist already.
        """
        # Everything but .stack/env, which says what this stack itself did last time.
        given = Settings(_env_file=".env")  # type: ignore[call-arg]
        said = given.model_fields_set
        return cls(
            root,
            kafka=given.kafka if "kafka" in said else None,
            redis=given.redis.get_secret_value() if "redis" in said else None,
        )

    def up(self, report: Report = _silent) -> Addresses:
        """Start what does not run and wait until everything answers.

        Args:
            report: called with one line at each step worth telling.

        Raises:
            StackError: something cannot be fetched, started or reached; nothing that this call
                started is left then.
        """
        with self._exclusively(report):
            started: list[Member] = []
            try:
                members = self._members()
                for member in members:
                    if member.running() is None:
                        started.append(member)
                        usual = (member.service.usual_port,) if self._usual_ports else ()
                        member.start(usual, report)
                found = {member.name: member.wait(report) for member in members}
            except BaseException:  # an interrupt, too, must not leave half a stack
                for member in started:
                    member.stop(member.service.stop_grace)
                raise
            for name, address in found.items():
                fresh = any(member.name == name for member in started)
                report(f"{name} {'started' if fresh else 'runs'} at {address}")
            if started and self._prometheus and not is_installed():
                report("prometheus is not installed: metrics are served, but nobody records them")
            self._write_env(found)
            return Addresses(
                kafka=self._external["kafka"] or found["kafka"],
                redis=self._external["redis"] or found["redis"],
                prometheus=found.get("prometheus"),
                started=bool(started),
            )

    def down(self, *, wipe: bool = False, report: Report = _silent) -> None:
        """Stop every server of this folder.

        Args:
            wipe: delete data and logs as well.
            report: called with one line per step worth telling.

        Raises:
            StackError: a process does not end.
        """
        if not self.root.exists():
            return
        with self._exclusively(report):
            members = self._everyone()
            for member in members:
                # Data that is to be deleted need not be put in order first.
                if member.stop(grace=0 if wipe else member.service.stop_grace):
                    report(f"{member.name} stopped")
            self._env.unlink(missing_ok=True)
            if wipe:
                for name in (*(member.name for member in members), "logs", "run"):
                    shutil.rmtree(self.root / name, ignore_errors=True)
                report(f"data and logs in {self.root} deleted")

    def status(self) -> list[ServiceStatus]:
        """How each server is doing now; asks each one that has a process."""
        rows = [
            ServiceStatus(name, "external", detail=f"set by FRAUDSTREAM_{name.upper()}")
            for name, address in self._external.items()
            if address
        ]
        rows += [member.status() for member in self._members()]
        if self._prometheus and not is_installed():
            rows.append(ServiceStatus("prometheus", "absent", detail="not installed (optional)"))
        return rows

    def _everyone(self) -> list[Member]:
        # Kafka first: it takes longest to start, and may need a download that fails.
        return [Member(service, self.root) for service in (Kafka(), RedisServer(), Prometheus())]

    def _members(self) -> list[Member]:
        """Those that this stack is to run."""
        unwanted = {name for name, address in self._external.items() if address}
        if not self._prometheus or not is_installed():
            unwanted.add("prometheus")
        return [member for member in self._everyone() if member.name not in unwanted]

    def _exclusively(self, report: Report) -> AbstractContextManager[None]:
        return exclusive(
            self.root / "lock", lambda: report(f"waiting for another command in {self.root} …")
        )

    def _write_env(self, found: dict[str, str]) -> None:
        lines = ["# Written by `fraudstream stack up`; read by every command; gone after `down`."]
        served = [name for name in ("kafka", "redis") if name in found]
        lines += [f"FRAUDSTREAM_{name.upper()}={found[name]}" for name in served]
        if "prometheus" in found:
            lines.append(f"# Prometheus: {found['prometheus']}")
        fresh = self._env.with_suffix(".new")
        fresh.write_text("\n".join(lines) + "\n", encoding="utf-8")
        fresh.replace(self._env)
