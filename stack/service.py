"""What the stack asks of a server it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

Report = Callable[[str], None]


class NotReadyError(Exception):
    """The server does not answer, or somebody else does; the message is one line."""


@dataclass(frozen=True, slots=True)
class Command:
    """A program ready to be started."""

    argv: tuple[str, ...]
    environ: dict[str, str]


class Service(Protocol):
    """One server. ``folder`` is its own place below the stack's, absolute, made if missing."""

    name: str
    usual_port: int
    start_timeout: float  #: seconds until a start that does not answer counts as failed
    stop_grace: float  #: seconds between the polite signal and the forced one

    def prepare(self, folder: Path, port: int, report: Report) -> Command:
        """Write the configuration for ``port`` and give the command that starts the server.

        Raises:
            StackError: something needed cannot be found or fetched.
        """

    def probe(self, folder: Path, port: int) -> None:
        """Talk to the server on ``port`` in its own protocol.

        Raises:
            NotReadyError: it does not answer, or what answers there does not work in ``folder``
                (another server may have been faster to take the port).
        """

    def address(self, port: int) -> str:
        """What clients are given to connect to."""
