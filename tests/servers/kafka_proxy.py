"""A proxy that understands so much of Kafka's protocol that it can refuse one kind of request."""

from __future__ import annotations

import io
import socket
import struct
from collections.abc import Container
from contextlib import suppress
from typing import Any

from aiokafka.protocol.commit import (
    OffsetCommitRequest_v2,
    OffsetCommitRequest_v3,
    OffsetCommitResponse_v2,
    OffsetCommitResponse_v3,
)

from tests.servers.proxy import Link, Proxy

PRODUCE = 0
OFFSET_COMMIT = 8
API_VERSIONS = 18
_COMMIT = {
    2: (OffsetCommitRequest_v2, OffsetCommitResponse_v2),
    3: (OffsetCommitRequest_v3, OffsetCommitResponse_v3),
}


class KafkaProxy(Proxy):
    """A proxy in front of a broker.

    Attributes:
        cut_on: kinds of requests (their numbers in the protocol) that never reach the broker: the
            connection is reset instead.
        lose_reply_to: kinds of requests that the broker carries out, but whose reply is lost with
            the connection.
        commit_error: error code that commits are answered with; they do not reach the broker.
        refused: how many requests met one of these.
        commits: every commit that was passed on: group, and partition → offset.
        refused_commits: every one that was answered with ``commit_error``.
    """

    def __init__(self, target_port: int) -> None:
        self.commits: list[tuple[str, dict[int, int]]] = []
        self.refused_commits: list[tuple[str, dict[int, int]]] = []
        self._refusals: dict[tuple[Link, bytes], bytes] = {}
        self._be_kind()
        super().__init__(target_port)

    def _be_kind(self) -> None:
        self.cut_on: Container[int] = ()
        self.lose_reply_to: Container[int] = ()
        self.commit_error: int | None = None
        self.refused = 0

    def heal(self) -> None:
        self._be_kind()
        super().heal()

    def _towards_server(self, link: Link) -> None:
        while header := _read(link.client, 4):
            request = _read(link.client, struct.unpack(">i", header)[0])
            (kind,) = struct.unpack_from(">h", request)
            if kind in self.cut_on:
                self.refused += 1
                return
            if kind in self.lose_reply_to:
                self.refused += 1
                link.muted = True
                self._pass(header + request, link.server)
                with suppress(TimeoutError):  # so that the broker has it before the connection ends
                    link.client.settimeout(0.3)
                    link.client.recv(1)
                return
            if kind == OFFSET_COMMIT and self.commit_error is not None:
                self.refused += 1
                self.refused_commits.append(_commit(request))
                # Replies come in the order of their requests: the broker is asked something else,
                # and what it says to that is replaced.
                correlation = request[4:8]
                self._refusals[link, correlation] = _refusal(request, self.commit_error)
                question = struct.pack(">hh4sh", API_VERSIONS, 0, correlation, -1)
                self._pass(struct.pack(">i", len(question)) + question, link.server)
                continue
            if kind == OFFSET_COMMIT:
                self.commits.append(_commit(request))
            self._pass(header + request, link.server)

    def _towards_client(self, link: Link) -> None:
        while header := _read(link.server, 4):
            reply = header + _read(link.server, struct.unpack(">i", header)[0])
            refusal = self._refusals.pop((link, reply[4:8]), None)
            if not link.muted:
                self._pass(reply if refusal is None else refusal, link.client)


def _read(connection: socket.socket, size: int) -> bytes:
    """So many bytes, or b"" where the other side ends before."""
    data = bytearray()
    while len(data) < size:
        piece = connection.recv(min(size - len(data), 1 << 20))
        if not piece:
            return b""
        data += piece
    return bytes(data)


def _body(request: bytes) -> Any:
    """The fields of a commit."""
    _, version, _, client_size = struct.unpack_from(">hhih", request)
    asked, _ = _COMMIT[version]
    return asked.SCHEMA.decode(io.BytesIO(request[10 + max(client_size, 0) :]))


def _commit(request: bytes) -> tuple[str, dict[int, int]]:
    """The group of a commit, and what it is to be for each partition of its one topic."""
    body = _body(request)
    return body[0], {part[0]: part[1] for _, parts in body[-1] for part in parts}


def _refusal(request: bytes, code: int) -> bytes:
    """The answer that refuses every offset of a commit."""
    _, version, correlation = struct.unpack_from(">hhi", request)
    _, answered = _COMMIT[version]
    topics = [(topic, [(part[0], code) for part in parts]) for topic, parts in _body(request)[-1]]
    fields = (topics,) if version < 3 else (0, topics)
    reply = struct.pack(">i", correlation) + answered.SCHEMA.encode(fields)
    return struct.pack(">i", len(reply)) + bytes(reply)
