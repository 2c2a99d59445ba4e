"""From scored columns to the messages that go out: scores, alerts and dead letters."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from core.errors import RejectedEvent
from core.names import DLQ_MAX_MESSAGE_BYTES, REPLAYED_FROM, SCHEMA_VERSION, Header
from features.batch import AMOUNT_SCALE, EventBatch
from features.declared import COUNTRIES
from features.iso_times import iso_times
from model.challenge import Challenged
from model.rules.rule import Hit

#: Namespace of the UUIDv5 of alerts.
ALERT_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "fraudstream/alert")
#: What headers and protocol may take of the dead-letter topic's limit.
_DLQ_OVERHEAD = 16_384
#: A topic name (249 bytes), two numbers and what is between; anybody may write the header.
_MAX_CAME_FROM = 320
_ENCODE = orjson.OPT_SERIALIZE_NUMPY


@dataclass(frozen=True, slots=True)
class Scored:
    """Everything decided about n events of a micro-batch.

    Attributes:
        batch: the events.
        country: country codes, shape (n,).
        matrix: features, float32 of shape (n, features).
        device_users: distinct users behind the event's device in 24 h, −1 unknown, shape (n,).
        score: float32, shape (n,).
        decision: ``core.names.Decision`` values, n.
        severity: ``core.names.Severity`` values, n.
        threshold: the threshold that was crossed, NaN where allowed, shape (n,).
        reasons: for each event with an alert its reasons, None elsewhere.
        origin: (topic, partition, offset) of each event.
        scored_at: ISO time.
        control: whether the event is reviewed for the control share, shape (n,).
        challenged: what the challenger made of the events, if there is one.
        rules: the rules and lists that each event met, n; None: none met any.
    """

    batch: EventBatch
    country: NDArray[np.int16]
    matrix: NDArray[np.float32]
    device_users: NDArray[np.int64]
    score: NDArray[np.float32]
    decision: Sequence[str]
    severity: Sequence[str]
    threshold: NDArray[np.float64]
    reasons: Sequence[list[dict[str, Any]] | None]
    origin: Sequence[tuple[str, int, int]]
    scored_at: str
    control: NDArray[np.bool_]
    challenged: Challenged | None = None
    rules: Sequence[tuple[Hit, ...]] | None = None


class OutcomeEncoder:
    """Encodes outcomes of one model and one set of thresholds.

    Args:
        profile: name of the profile.
        model: ``name``, ``version`` and ``digest`` of the model.
        decided_by: what else the decision hangs on (thresholds, rules): part of the alert id.
        feature_names: names of the matrix columns.
        control_weight: how many blocked events one of the control share stands for.
    """

    def __init__(
        self,
        profile: str,
        model: dict[str, str],
        decided_by: str,
        feature_names: Sequence[str],
        control_weight: float | None = None,
    ) -> None:
        self._profile = profile
        self._model = model
        self._id_tail = f"{model['digest']}|{decided_by}"
        self._names = list(feature_names)
        self._control_weight = control_weight

    def alert_id(self, event_id: str) -> str:
        """UUIDv5 of profile, event, model, rules and thresholds: the same on every repeat."""
        return str(uuid.uuid5(ALERT_NAMESPACE, f"{self._profile}|{event_id}|{self._id_tail}"))

    def encode(self, scored: Scored) -> tuple[list[bytes], list[bytes | None]]:
        """Score message and (or None) alert message of each event."""
        batch = scored.batch
        text = {
            name: batch.text.get(name, [None] * len(batch))
            for name in (
                "user_id",
                "device_id",
                "ip_address",
                "browser",
                "source",
                "sex",
                "card_id",
            )
        }
        users = text["card_id"] if "card_id" in batch.text else text["user_id"]
        age = batch.number.get("age", np.full(len(batch), np.nan)).tolist()
        times = iso_times(batch.time_ms)
        amounts = (batch.amount / AMOUNT_SCALE).tolist()
        countries: list[str | None] = [COUNTRIES[code] for code in scored.country.tolist()]
        if "ip_address" not in batch.text:  # a field that the profile lacks is null
            countries = [None] * len(batch)
        challenges = _challenges(scored)
        control: list[bool] = scored.control.tolist()
        scores: list[bytes] = []
        alerts: list[bytes | None] = []
        met: Sequence[tuple[Hit, ...]] = scored.rules or [()] * len(batch)
        for row, event_id in enumerate(batch.event_id):
            reasons = scored.reasons[row]
            alert_id = None if reasons is None else self.alert_id(event_id)
            topic, partition, offset = scored.origin[row]
            common = {
                "schema": SCHEMA_VERSION,
                "alert_id": alert_id,
                "event_id": event_id,
                "profile": self._profile,
                "event_time": times[row],
                "user_id": users[row],
                "device_id": text["device_id"][row],
                "country": countries[row],
                "amount": amounts[row],
                "browser": text["browser"][row],
                "source": text["source"][row],
                "score": scored.score[row],
                "decision": scored.decision[row],
                "control": control[row],
                "model": self._model,
                "scored_at": scored.scored_at,
                "origin": {"topic": topic, "partition": partition, "offset": offset},
            }
            device_users = int(scored.device_users[row])
            scores.append(
                orjson.dumps(
                    {
                        **common,
                        "sex": text["sex"][row],
                        "age": age[row],
                        "device_users": None if device_users < 0 else device_users,
                        "control_weight": self._control_weight if control[row] else None,
                        "challenger": challenges[row],
                        "rules": [hit.short for hit in met[row]],
                    },
                    option=_ENCODE,
                )
            )
            if reasons is None:
                alerts.append(None)
                continue
            common["ip_address"] = text["ip_address"][row]
            common["threshold"] = float(scored.threshold[row])  # NaN, by a rule alone, is null
            common["severity"] = scored.severity[row]
            common["reasons"] = reasons
            common["rules"] = met[row]
            common["features"] = dict(zip(self._names, scored.matrix[row], strict=True))
            alerts.append(orjson.dumps(common, option=_ENCODE))
        return scores, alerts


def _challenges(scored: Scored) -> Sequence[dict[str, Any] | None]:
    """What each score message says of the challenger."""
    challenged = scored.challenged
    if challenged is None:
        return [None] * len(scored.batch)
    return [
        {
            "version": challenged.version,
            "digest": challenged.digest,
            "score": score,
            "decision": decision,
            "against": against,
        }
        for score, decision, against in zip(
            challenged.score, challenged.decision, challenged.against, strict=True
        )
    ]


def dead_letter(
    record: Any, rejected: RejectedEvent, failed_at: str
) -> tuple[bytes | None, list[tuple[str, bytes]]]:
    """Value and headers of a dead letter: the original bytes, and why they are here.

    What would not fit is cut, and says so, with the SHA-256 of the whole. Where the event was
    replayed from is handed on, so that a letter that came back can be told.
    """
    headers: list[tuple[str, bytes]] = [
        (Header.CODE, rejected.code.encode()),
        (Header.MESSAGE, _printable(rejected.message)),
        (Header.FIELD, rejected.field.encode(errors="replace")),
        (Header.TOPIC, record.topic.encode()),
        (Header.PARTITION, str(record.partition).encode()),
        (Header.OFFSET, str(record.offset).encode()),
        (Header.FAILED_AT, failed_at.encode()),
    ]
    came_from = dict(record.headers or ()).get(REPLAYED_FROM)
    if came_from is not None:
        headers.append((REPLAYED_FROM, came_from[:_MAX_CAME_FROM]))
    value = record.value
    room = DLQ_MAX_MESSAGE_BYTES - _DLQ_OVERHEAD - len(record.key or b"")
    if value is not None and len(value) > room:
        headers.append((Header.TRUNCATED, b"true"))
        headers.append((Header.SHA256, hashlib.sha256(value).hexdigest().encode()))
        value = value[:room]
    return value, [(str(name), content) for name, content in headers]


def _printable(text: str) -> bytes:
    return text.encode("utf-8", errors="replace")[:1024]
