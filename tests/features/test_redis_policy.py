"""Servers that cannot hold the state are refused before a worker starts."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import StateError
from features.redis_policy import refuse_unfit


class Server:
    """Answers INFO as a server of that version does: none so old is to be had."""

    def __init__(self, **info: Any) -> None:
        self._info = info

    def info(self) -> dict[str, Any]:
        return self._info


@pytest.mark.parametrize("version", ["6.0.16", "5.0", "2.8.4", ""])
def test_a_server_without_getex_is_refused_with_its_version(version: str) -> None:
    server: Any = Server(redis_version=version, maxmemory_policy="noeviction")
    with pytest.raises(StateError, match=rf"{version or 'unknown'}: use Redis 6\.2 or newer"):
        refuse_unfit(server, "Redis")


@pytest.mark.parametrize("version", ["6.2.0", "7.0.15", "7.2.4", "8.2.1", "10.0.0"])
def test_newer_servers_are_taken(version: str) -> None:
    server: Any = Server(redis_version=version, maxmemory_policy="noeviction")
    refuse_unfit(server, "Redis")
