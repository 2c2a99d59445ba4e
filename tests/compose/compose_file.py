"""``docker-compose.yml`` as a test reads it, with or without values for its variables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.stream.forked import ROOT

COMPOSE = ROOT / "docker-compose.yml"
ENV_EXAMPLE = ROOT / ".env.example"
#: ``${NAME}``, ``${NAME:-default}`` and ``${NAME:?message}``, of all that Compose knows.
_VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(?::([-?])([^}]*))?\}")

Service = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Published:
    """A port that is reachable from outside of the containers' networks."""

    address: str
    host_port: str
    port: str


def variables(text: str) -> dict[str, str | None]:
    """Names of the variables in a text → default, which is None where there is none."""
    return {found[1]: found[3] if found[2] == "-" else None for found in _VARIABLE.finditer(text)}


def loaded(values: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The file; with ``values`` its variables have these values, or else their defaults."""
    document: dict[str, Any] = yaml.safe_load(COMPOSE.read_text("utf-8"))
    if values is None:
        return document
    filled: dict[str, Any] = _filled(document, values)
    return filled


def services(values: Mapping[str, str] | None = None) -> dict[str, Service]:
    """Name → service, with what it shares with others merged in."""
    return dict(loaded(values)["services"])


def arguments(service: Service) -> list[str]:
    """The words that a service gives to its image's program."""
    return [str(word) for word in service.get("command", [])]


def environment(service: Service) -> dict[str, str]:
    """The environment that a service sets."""
    return {name: str(value) for name, value in service.get("environment", {}).items()}


def published(service: Service) -> list[Published]:
    """The ports that a service publishes."""
    ports = [str(port).rsplit(":", 2) for port in service.get("ports", [])]
    return [Published(*(["", *port] if len(port) < 3 else port)) for port in ports]


def bind_mounts(service: Service) -> list[Path]:
    """The files and folders of the checkout that a service is given."""
    sources = [volume.split(":")[0] for volume in service.get("volumes", [])]
    return [ROOT / source for source in sources if source.startswith(".")]


def named_volumes(service: Service) -> list[str]:
    """The named volumes of a service."""
    sources = [volume.split(":")[0] for volume in service.get("volumes", [])]
    return [source for source in sources if source[0] not in "./"]


def example_settings() -> dict[str, str]:
    """Name → value in ``.env.example``."""
    lines = ENV_EXAMPLE.read_text("utf-8").splitlines()
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {name: value for name, _, value in pairs}


def _filled(part: Any, values: Mapping[str, str]) -> Any:
    if isinstance(part, dict):
        return {key: _filled(value, values) for key, value in part.items()}
    if isinstance(part, list):
        return [_filled(value, values) for value in part]
    if isinstance(part, str):
        return _VARIABLE.sub(lambda found: values.get(found[1]) or found[3] or "", part)
    return part
