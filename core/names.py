"""Topic, group, header and reason names: each is written here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

LIVE = "live"
PROFILES = ("ecommerce", "banking")
PARTITIONS = 8
DAY_MS = 86_400_000
SCHEMA_VERSION = 1

#: Input messages above this many bytes are refused by the topic; the dead-letter topic takes
#: 64 KiB more, so that whatever came in also fits there with its headers.
MAX_MESSAGE_BYTES = 1_048_576
DLQ_MAX_MESSAGE_BYTES = MAX_MESSAGE_BYTES + 65_536


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic and the settings it is created with."""

    name: str
    retention_days: int | None  #: None: compacted, kept for ever
    max_message_bytes: int = MAX_MESSAGE_BYTES

    def config(self) -> dict[str, str]:
        """Topic-level configuration for the admin client."""
        config = {
            "message.timestamp.type": "LogAppendTime",
            "max.message.bytes": str(self.max_message_bytes),
        }
        if self.retention_days is None:
            config["cleanup.policy"] = "compact"
        else:
            config["retention.ms"] = str(self.retention_days * DAY_MS)
        return config


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one namespace; names carry its prefix unless it is ``live``."""

    namespace: str

    def _named(self, base: str) -> str:
        return base if self.namespace == LIVE else f"{self.namespace}-{base}"

    def transactions(self, profile: str) -> Topic:
        """Events of one profile."""
        base = "transactions" if profile == "ecommerce" else f"transactions-{profile}"
        return Topic(self._named(base), 30)

    @property
    def alerts(self) -> Topic:
        """Events to be reviewed or blocked."""
        return Topic(self._named("fraud-alerts"), 400)

    @property
    def scores(self) -> Topic:
        """One score for each event."""
        return Topic(self._named("fraud-scores"), 400)

    @property
    def dlq(self) -> Topic:
        """Dead letters: what could not be read."""
        return Topic(self._named("transactions-dlq"), 30, DLQ_MAX_MESSAGE_BYTES)

    @property
    def labels(self) -> Topic:
        """What events turned out to be."""
        return Topic(self._named("fraud-labels"), None)

    def all(self, profile: str) -> tuple[Topic, ...]:
        """Every topic a worker of ``profile`` reads or writes."""
        return (self.transactions(profile), self.alerts, self.scores, self.dlq, self.labels)


def worker_group(namespace: str, profile: str) -> str:
    """Consumer group of the workers of one profile."""
    return f"fraudstream-{namespace}-{profile}"


def views_group(namespace: str) -> str:
    """Consumer group of the projector of the views."""
    return f"fraudstream-{namespace}-views"


class Header(StrEnum):
    """Headers of a dead letter."""

    CODE = "error.code"
    MESSAGE = "error.message"
    FIELD = "error.field"
    TRUNCATED = "error.truncated"
    SHA256 = "error.sha256"
    TOPIC = "source.topic"
    PARTITION = "source.partition"
    OFFSET = "source.offset"
    FAILED_AT = "failed.at"


#: Header of an event that ``fraudstream dlq replay`` sent again: ``topic-partition-offset`` of its
#: dead letter. Should the event be refused again, the new dead letter has it too.
REPLAYED_FROM = "dlq.replayed.from"


class RejectCode(StrEnum):
    """Why an event was set aside (``error.code`` and the ``reason`` label)."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    MALFORMED_JSON = "malformed_json"
    DUPLICATE_KEY = "duplicate_key"
    WRONG_TYPE = "wrong_type"
    MISSING_FIELD = "missing_field"
    OUT_OF_RANGE = "out_of_range"
    BAD_TEXT = "bad_text"
    BAD_TIME = "bad_time"
    FUTURE_TIME = "future_time"
    BAD_IP = "bad_ip"
    DUPLICATE_CONFLICT = "duplicate_conflict"


class Decision(StrEnum):
    """What is to happen with an event."""

    ALLOW = "allow"
    REVIEW = "review"
    BLOCK = "block"


class Role(StrEnum):
    """What a model version is used for: the champion decides.

    The challenger is scored beside it.
    """

    CHAMPION = "champion"
    CHALLENGER = "challenger"


class Severity(StrEnum):
    """How urgent an alert is, by score bands in the model's metadata."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class CaseState(StrEnum):
    """How far people are with an alert."""

    NEW = "new"
    IN_REVIEW = "in_review"
    CONFIRMED = "confirmed"
    DISMISSED = "dismissed"
