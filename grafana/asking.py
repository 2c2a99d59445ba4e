"""Ask a Prometheus what Grafana would ask it, with nothing but the standard library."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlencode, urlsplit

from core.errors import FraudstreamError

_TIMEOUT_S = 60.0


class QueryError(FraudstreamError):
    """Prometheus is not there, or does not take the query."""


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an answer.

    Attributes:
        labels: its labels, the name among them.
        points: (Unix time, value), ascending.
    """

    labels: dict[str, str]
    points: list[tuple[float, float]]

    @property
    def last(self) -> float:
        """The latest value."""
        return self.points[-1][1]


def at_once(url: str, expr: str, at: float) -> list[Series]:
    """The answer to an instant query at a Unix time."""
    answer = _ask(url, "query", {"query": expr, "time": f"{at:.3f}"})
    if answer["resultType"] == "scalar":
        return [Series({}, [_point(answer["result"])])]
    return [Series(one["metric"], [_point(one["value"])]) for one in answer["result"]]


def over_time(url: str, expr: str, start: float, end: float, step_s: float) -> list[Series]:
    """The answer to a range query from ``start`` to ``end``, Unix times."""
    # Grafana's points lie on multiples of the step, too.
    first = start // step_s * step_s
    times = {"start": f"{first:.3f}", "end": f"{end:.3f}", "step": f"{step_s:g}"}
    answer = _ask(url, "query_range", {"query": expr, **times})
    return [Series(one["metric"], [*map(_point, one["values"])]) for one in answer["result"]]


def _ask(url: str, path: str, parameters: dict[str, str]) -> Any:
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname is None:
        raise QueryError(
            f"{url!r} is no address of a Prometheus: give one like http://127.0.0.1:9090"
        )
    connection = HTTPConnection(parts.hostname, parts.port or 80, timeout=_TIMEOUT_S)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    try:
        target = f"{parts.path.rstrip('/')}/api/v1/{path}"
        connection.request("POST", target, urlencode(parameters), headers)
        answer = json.loads(connection.getresponse().read())
    except (OSError, HTTPException, ValueError) as error:
        raise QueryError(f"no answer from the Prometheus at {url}: {error}") from None
    finally:
        connection.close()
    if answer["status"] != "success":
        raise QueryError(f"{answer['error']} in {parameters['query']}")
    return answer["data"]


def _point(pair: list[Any]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])
