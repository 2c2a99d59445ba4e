"""``docs/schemas/``: JSON Schemas of the messages and the AsyncAPI document of the topics.

Promise: the files say what ``core.messages`` and ``core.names`` say. ``docs.build`` writes them and
compares them.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable
from typing import Any

import msgspec
import yaml

from core.messages import Alert, BankingEvent, EcommerceEvent, Label, Score
from core.names import LIVE, PARTITIONS, SCHEMA_VERSION, Header, RejectCode, Topic, Topics

#: File → the message it describes.
MESSAGES: dict[str, type[msgspec.Struct]] = {
    "ecommerce-event": EcommerceEvent,
    "banking-event": BankingEvent,
    "alert": Alert,
    "score": Score,
    "label": Label,
}
_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def schema_files() -> dict[str, str]:
    """File name in ``docs/schemas`` → what it is to hold."""
    files = {
        f"{name}.json": json.dumps(_schema(message), indent=2, ensure_ascii=False) + "\n"
        for name, message in MESSAGES.items()
    }
    files["asyncapi.yaml"] = "# Generated from core/messages.py by `make docs`.\n" + yaml.dump(
        asyncapi(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100
    )
    return files


class _Dumper(yaml.SafeDumper):
    """Writes what occurs twice twice: readers of AsyncAPI do not all know YAML's anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _components(messages: Iterable[type[msgspec.Struct]], where: str) -> dict[str, Any]:
    _, components = msgspec.json.schema_components(messages, ref_template=f"{where}/{{name}}")
    for component in components.values():
        component["description"] = inspect.cleandoc(component["description"])
    return components


def _schema(message: type[msgspec.Struct]) -> dict[str, Any]:
    """A JSON Schema on its own: the message at the top, what it refers to below."""
    components = _components([message], "#/$defs")
    schema = {"$schema": _DRAFT, **components.pop(message.__name__)}
    return schema | {"$defs": components} if components else schema


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3.0 document, as plain dicts and lists."""
    topics = Topics(LIVE)
    channels: dict[str, Any] = {}
    for name, topic, messages, description in (
        (
            "transactions",
            topics.transactions("ecommerce"),
            ["EcommerceEvent"],
            "Purchases to be scored.",
        ),
        (
            "transactionsBanking",
            topics.transactions("banking"),
            ["BankingEvent"],
            "Card transactions to be scored.",
        ),
        ("alerts", topics.alerts, ["Alert"], "Events to review or block."),
        ("scores", topics.scores, ["Score"], "The outcome of every event."),
        ("deadLetters", topics.dlq, ["DeadLetter"], "What could not be scored, and why."),
        ("labels", topics.labels, ["Label"], "What events turned out to be."),
    ):
        channels[name] = _channel(topic, messages, description)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "fraudstream",
            "version": str(SCHEMA_VERSION),
            "description": "Messages are JSON in UTF-8; fields are only ever added, and unknown "
            "ones are to be ignored. Topic names get the prefix `{namespace}-` in every namespace "
            "but `live`. Topics are created with message.timestamp.type=LogAppendTime: event time "
            "is in the message.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": {
            "scoreTransactions": _operation("receive", "transactions"),
            "scoreTransactionsBanking": _operation("receive", "transactionsBanking"),
            "publishAlerts": _operation("send", "alerts"),
            "publishScores": _operation("send", "scores"),
            "setAside": _operation("send", "deadLetters"),
            "replayLabels": _operation("send", "labels"),
        },
        "components": {
            "messages": {
                "EcommerceEvent": _message(EcommerceEvent, "user_id"),
                "BankingEvent": _message(
                    BankingEvent, "card_id, or else the 128-bit xxHash (XXH3) of v1 … v28 in hex"
                ),
                "Alert": _message(Alert, "that of the event"),
                "Score": _message(Score, "that of the event"),
                "Label": _message(Label, "event_id"),
                "DeadLetter": _dead_letter(),
            },
            "schemas": _components(MESSAGES.values(), "#/components/schemas"),
        },
    }


def _channel(topic: Topic, messages: list[str], description: str) -> dict[str, Any]:
    config: dict[str, Any] = {"max.message.bytes": topic.max_message_bytes}
    settings = topic.config()
    config["cleanup.policy"] = [settings.get("cleanup.policy", "delete")]
    if "retention.ms" in settings:
        config["retention.ms"] = int(settings["retention.ms"])
    return {
        "address": topic.name,
        "description": description,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {
            "kafka": {
                "partitions": PARTITIONS,
                "topicConfiguration": config,
                "bindingVersion": "0.5.0",
            }
        },
    }


def _operation(action: str, channel: str) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}}


def _key(description: str) -> dict[str, Any]:
    key = {"type": "string", "description": description}
    return {"kafka": {"key": key, "bindingVersion": "0.5.0"}}


def _message(message: type[msgspec.Struct], key: str) -> dict[str, Any]:
    return {
        "contentType": "application/json",
        "payload": {"$ref": f"#/components/schemas/{message.__name__}"},
        "bindings": _key(key),
    }


#: Header of a dead letter → its schema.
_HEADERS: dict[Header, dict[str, Any]] = {
    Header.CODE: {
        "enum": [code.value for code in RejectCode],
        "description": "Why the message was set aside; words may be added.",
    },
    Header.MESSAGE: {"description": "The same for people: field, value and remedy."},
    Header.FIELD: {"description": "The field at fault; empty where it is the message as a whole."},
    Header.TOPIC: {"description": "Topic that the message was read from."},
    Header.PARTITION: {"pattern": "^[0-9]+$", "description": "Its partition."},
    Header.OFFSET: {"pattern": "^[0-9]+$", "description": "Its offset."},
    Header.FAILED_AT: {"format": "date-time", "description": "When it was set aside, UTC."},
    Header.TRUNCATED: {
        "const": "true",
        "description": "There only where the value was too large and is cut.",
    },
    Header.SHA256: {
        "pattern": "^[0-9a-f]{64}$",
        "description": "With error.truncated: SHA-256 of the whole value.",
    },
}


def _dead_letter() -> dict[str, Any]:
    return {
        "contentType": "application/octet-stream",
        "description": "The bytes that came in, as they were, and why they are here.",
        "headers": {
            "type": "object",
            "properties": {
                header.value: {"type": "string", **schema} for header, schema in _HEADERS.items()
            },
            "required": [
                header.value
                for header in _HEADERS
                if header not in (Header.TRUNCATED, Header.SHA256)
            ],
        },
        "payload": {"description": "Any bytes, or none."},
        "bindings": _key("the original key, if there was one"),
    }
