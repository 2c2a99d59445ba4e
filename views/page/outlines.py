"""Outlines of the countries as GeoJSON, served to the page's map: nothing comes from elsewhere.

They are those of Natural Earth (public domain); ``model/exploration/world.py`` says how the file
was made.
"""

from __future__ import annotations

import hashlib
import json
import math
from functools import cache
from importlib.resources import files
from typing import Any

import orjson

OUTLINES_URL = "/page/world.json"
_POINT_DEGREES = 1.0
_CORNERS = 10


@cache
def outlines() -> tuple[bytes, str]:
    """GeoJSON, a feature for each country with its alpha-2 code as ``id``; and its hash."""
    found = _world()
    features = [
        _feature(code, [_degrees(ring) for ring in rings])
        for code, rings in found["outlines"].items()
        if code
    ]
    features += [_feature(code, [_circle(*place)]) for code, place in found["points"].items()]
    body = orjson.dumps({"type": "FeatureCollection", "features": features})
    return body, hashlib.sha256(body).hexdigest()[:16]


@cache
def drawn() -> frozenset[str]:
    """Codes that have a place on the map."""
    found = _world()
    return frozenset(found["outlines"]) - {""} | frozenset(found["points"])


@cache
def _world() -> dict[str, Any]:
    # Through the parent: the package itself imports what only training has.
    path = files("model").joinpath("exploration", "world.json")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _feature(code: str, rings: list[list[list[float]]]) -> dict[str, Any]:
    outer: list[list[list[list[float]]]] = []
    for ring in rings:
        if _is_hole(ring) and outer:
            outer[-1].append(ring)
        else:
            outer.append([ring])
    return {
        "type": "Feature",
        "id": code,
        "properties": {},
        "geometry": {"type": "MultiPolygon", "coordinates": outer},
    }


def _is_hole(ring: list[list[float]]) -> bool:
    """On the map outer rings run clockwise, as d3 and so plotly want them, and holes do not."""
    doubled = sum(
        (x2 - x1) * (y2 + y1) for (x1, y1), (x2, y2) in zip(ring, [*ring[1:], ring[0]], strict=True)
    )
    return doubled < 0


def _degrees(ring: list[int]) -> list[list[float]]:
    return [[ring[at] / 100, ring[at + 1] / 100] for at in range(0, len(ring), 2)]


def _circle(x: int, y: int) -> list[list[float]]:
    """A country too small to have an outline."""
    steps = [-2 * math.pi * step / _CORNERS for step in range(_CORNERS)]
    wide = _POINT_DEGREES / max(0.2, math.cos(math.radians(y / 100)))
    ring = [
        [
            round(x / 100 + wide * math.cos(one), 2),
            round(y / 100 + _POINT_DEGREES * math.sin(one), 2),
        ]
        for one in steps
    ]
    return [*ring, ring[0]]
