"""Answers that are computed once: validators, what may be kept, and bodies by revision.

An answer hangs on the revision of its profile and on what was asked, and on nothing else (a clock
least of all). So its ETag is known before it is computed: who has it already gets 304 at once, and
who asks the same as somebody before him gets the same bytes.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
from flask import Response, make_response, request

from core.settings import Settings
from views.api.csv_answers import as_csv
from views.api.queries import ProfileQuery, profile_of
from views.masking import Masking
from views.store import Store

JSON = "application/json"
CSV = "text/csv"
#: Bytes of bodies that are kept, and of the largest one.
KEPT_BYTES = 32 << 20
_LARGEST = 1 << 20
_DIGITS = 32


class Answers:
    """Makes responses of what a store says.

    Args:
        store: whose revision counts.
        settings: which profile is meant where there are several and none is named.
        masking: of the ids in the answers.
    """

    def __init__(self, store: Store, settings: Settings, masking: Masking) -> None:
        self._store = store
        self._settings = settings
        self._kept = Bodies(KEPT_BYTES)
        # Hidden ids change with the salt, and so do the answers.
        self._salt = f"{masking.on}{masking.id('')}"
        self._fresh = "private, no-cache" if store.live else "private, max-age=1"

    def reply(
        self,
        query: ProfileQuery,
        compute: Callable[[str], Any],
        columns: Sequence[str] | None = None,
        rows: Callable[[Any], Sequence[Mapping[str, Any]]] = lambda found: found,
    ) -> Response:
        """The answer to a request, computed only where neither client nor server has it.

        Args:
            query: what was asked.
            compute: gives the answer about a profile, to be written as JSON.
            columns: of the same as CSV; None: it cannot be had as CSV.
            rows: of the answer, for CSV.
        """
        wants_csv = columns is not None and _wants_csv(query)
        profile = profile_of(query, self._store, self._settings)
        revision = f"{profile}|{self._store.revision(profile)}"
        asked = f"{request.path}|{query!r}|{wants_csv}|{self._salt}|{revision}"
        tag = hashlib.sha256(asked.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
        if request.if_none_match.contains_weak(tag):
            response = make_response(b"", 304)
        else:
            body = self._kept.get(tag)
            if body is None:
                found = compute(profile)
                if wants_csv and columns is not None:
                    body = as_csv(rows(found), columns)
                else:
                    body = orjson.dumps(found, option=orjson.OPT_SERIALIZE_NUMPY)
                self._kept.put(tag, body)
            response = make_response(body)
            response.headers["Content-Type"] = f"{CSV}; charset=utf-8" if wants_csv else JSON
            if wants_csv:
                name = request.path.strip("/").replace("/", "-")
                response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
        # Weak: compressed and plain bodies are the same answer.
        response.set_etag(tag, weak=True)
        response.headers["Cache-Control"] = self._fresh
        response.vary.add("Accept")
        return response


class Bodies:
    """The bodies used last, up to a number of bytes; for many threads.

    Args:
        most_bytes: of all of them.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._bytes = 0
        self._bodies: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, tag: str) -> bytes | None:
        """The body with this tag, if it is still there."""
        with self._lock:
            body = self._bodies.get(tag)
            if body is not None:
                self._bodies.move_to_end(tag)
            return body

    def put(self, tag: str, body: bytes) -> None:
        """Keep a body, and let go of those not used for longest."""
        if len(body) > _LARGEST:
            return
        with self._lock:
            if tag not in self._bodies:
                self._bodies[tag] = body
                self._bytes += len(body)
            while self._bytes > self._most:
                self._bytes -= len(self._bodies.popitem(last=False)[1])


def _wants_csv(query: ProfileQuery) -> bool:
    asked = getattr(query, "format", None)
    if asked is not None:
        return bool(asked == "csv")
    return request.accept_mimetypes.best_match((JSON, CSV), JSON) == CSV
