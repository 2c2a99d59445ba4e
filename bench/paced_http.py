"""A client that asks at a steady rate, whatever the answers take, and times them from when they
were due: a server that falls behind cannot hide it by being asked less.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

_CONNECTIONS = 16
#: Bytes of an answer that are read without a pause.
_ANSWER = 1 << 20


class _Connection:
    """One kept-alive connection, asked one thing at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return int(head.split(b" ", 2)[1]), await self._reader.readexactly(length)

    def close(self) -> None:
        self._writer.close()


def request_of(
    url: str, path: str, body: bytes | None = None, headers: Sequence[str] = ()
) -> bytes:
    """The bytes of a request."""
    lines = [
        f"{'GET' if body is None else 'POST'} {path} HTTP/1.1",
        f"Host: {urlsplit(url).netloc}",
        "Connection: keep-alive",
        *headers,
    ]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def ask_paced(url: str, requests: Sequence[bytes], rate: float, seconds: float) -> list[float]:
    """Seconds from when each request was due to its answer; they are asked in turn.

    Raises:
        RuntimeError: an answer was neither 200 nor 304.
    """
    return asyncio.run(_ask_paced(url, requests, rate, seconds))


async def _ask_paced(
    url: str, requests: Sequence[bytes], rate: float, seconds: float
) -> list[float]:
    parts = urlsplit(url)
    free: asyncio.Queue[_Connection] = asyncio.Queue()
    for _ in range(_CONNECTIONS):
        free.put_nowait(
            _Connection(*await asyncio.open_connection(parts.hostname, parts.port, limit=_ANSWER))
        )
    taken: list[float] = []

    async def one(due: float, request: bytes) -> None:
        connection = await free.get()
        status, body = await connection.ask(request)
        taken.append(time.perf_counter() - due)
        free.put_nowait(connection)
        if status not in {200, 304}:
            raise RuntimeError(f"{request[:80]!r}: {status} {body[:300]!r}")

    began = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number in range(int(rate * seconds)):
            due = began + number / rate
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            tasks.create_task(one(due, requests[number % len(requests)]))
    while not free.empty():
        free.get_nowait().close()
    return taken
