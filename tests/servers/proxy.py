"""A TCP proxy between a worker and a server, which can cut, stall and slow the way."""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import suppress

from stack.ports import LOOPBACK

_CHUNK = 65_536
#: Linger zero: closing sends a reset, as a machine that went away would, not a polite end.
_RESET = struct.pack("ii", 1, 0)


class Link:
    """One connection through a proxy: a socket to each side."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client = client
        self.server = server
        self.muted = False  #: whether the server's answers are thrown away

    def reset(self) -> None:
        for end in (self.client, self.server):
            with suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            # Closing alone does not wake a thread that reads.
            with suppress(OSError):
                end.shutdown(socket.SHUT_RD)
            with suppress(OSError):
                end.close()


class Proxy:
    """Listens on a port of its own and passes everything on to ``target_port`` of the loopback.

    Attributes:
        port: where clients connect to.
        delay_s: how long each piece of data is held up, in either direction.
        bytes_per_s: how fast data flows in one direction of one connection; None: as it comes.
    """

    def __init__(self, target_port: int) -> None:
        self.delay_s = 0.0
        self.bytes_per_s: float | None = None
        self._target_port = target_port
        self._flowing = threading.Event()
        self._flowing.set()
        self._refusing = False
        self._links: set[Link] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Reset every connection, and refuse new ones until ``heal``."""
        self._refusing = True
        self.drop()

    def drop(self) -> None:
        """Reset every connection; new ones are welcome."""
        with self._lock:
            links = list(self._links)
        for link in links:
            link.reset()

    def stall(self) -> None:
        """Let nothing through until ``heal``, and say nothing of it to either side."""
        self._flowing.clear()

    def heal(self) -> None:
        """Everything flows again; what was held back arrives late."""
        self._refusing = False
        self.delay_s, self.bytes_per_s = 0.0, None
        self._flowing.set()

    def close(self) -> None:
        self.cut()
        self._flowing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            # One thread each: with a server that is away connecting may take its time.
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        server = socket.socket()
        link = Link(client, server)
        try:
            if self._refusing:
                raise ConnectionRefusedError
            server.connect((LOOPBACK, self._target_port))
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            link.reset()
            return
        with self._lock:
            self._links.add(link)
        for pump in (self._towards_server, self._towards_client):
            threading.Thread(target=self._until_closed, args=(pump, link), daemon=True).start()

    def _until_closed(self, pump: object, link: Link) -> None:
        try:
            pump(link)  # type: ignore[operator]
        except OSError:
            pass
        finally:
            link.reset()
            with self._lock:
                self._links.discard(link)

    def _towards_server(self, link: Link) -> None:
        while data := link.client.recv(_CHUNK):
            self._pass(data, link.server)

    def _towards_client(self, link: Link) -> None:
        while data := link.server.recv(_CHUNK):
            if not link.muted:
                self._pass(data, link.client)

    def _pass(self, data: bytes, to: socket.socket) -> None:
        if self.delay_s:
            time.sleep(self.delay_s)
        self._flowing.wait()
        to.sendall(data)
        if self.bytes_per_s:
            time.sleep(len(data) / self.bytes_per_s)
