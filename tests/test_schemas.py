"""The published schemas say what the code does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from core.messages import EVENTS, MAX_AGE, Amount, BankingEvent, EcommerceEvent
from core.names import LIVE, PARTITIONS, PROFILES, Header, Topics
from docs.build_schemas import MESSAGES, asyncapi, schema_files
from features.batch import MAX_AMOUNT
from features.profiles import BANKING, ECOMMERCE, VECTOR
from features.validation import decode
from tests.features.written_events import (
    BROKER_MS,
    MAX_FUTURE_MS,
    SAMPLES,
    events,
    json_values,
)

SCHEMAS = Path(__file__).parents[1] / "docs" / "schemas"
profiles = pytest.mark.parametrize("profile", PROFILES)


def validator(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads(schema_files()[f"{name}.json"]))


EVENT_SCHEMAS = {profile: validator(f"{profile}-event") for profile in PROFILES}


def test_committed_schemas_are_up_to_date() -> None:
    there = {path.name: path.read_text("utf-8") for path in SCHEMAS.iterdir()}
    assert there == schema_files(), "run `make docs`"


@pytest.mark.parametrize("name", MESSAGES)
def test_every_schema_is_a_valid_schema(name: str) -> None:
    schema = json.loads(schema_files()[f"{name}.json"])
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["type"] == "object"
    # Readers must live with fields that are added later.
    assert "additionalProperties" not in schema


@profiles
@given(data=st.data())
def test_valid_events_fit_the_schema(profile: str, data: st.DataObject) -> None:
    EVENT_SCHEMAS[profile].validate(data.draw(events[profile]).fields)


@profiles
@given(data=st.data())
def test_what_the_schema_refuses_is_refused(profile: str, data: st.DataObject) -> None:
    fields = dict(SAMPLES[profile])
    name = data.draw(st.sampled_from(sorted(fields)))
    if data.draw(st.booleans()):
        fields[name] = data.draw(json_values)
    else:
        del fields[name]
    result = decode(profile, [json.dumps(fields).encode()], [BROKER_MS], MAX_FUTURE_MS)
    if not EVENT_SCHEMAS[profile].is_valid(fields):
        assert result.rejected
    if not result.rejected:
        EVENT_SCHEMAS[profile].validate(fields)


@profiles
def test_an_event_encoded_from_its_struct_fits_the_schema(profile: str) -> None:
    event: Any = EVENTS[profile](**SAMPLES[profile])
    EVENT_SCHEMAS[profile].validate(msgspec.json.decode(msgspec.json.encode(event)))


def test_unknown_fields_of_any_message_are_ignored() -> None:
    for message in (EcommerceEvent, BankingEvent):
        fields = SAMPLES["ecommerce" if message is EcommerceEvent else "banking"]
        plain = msgspec.json.decode(json.dumps(fields), type=message)
        assert msgspec.json.decode(json.dumps(fields | {"new": 1}), type=message) == plain


def test_messages_and_profiles_name_the_same_fields() -> None:
    text = {name: name for name in ECOMMERCE.text} | {"signup_ms": "signup_time"}
    wanted = {"event_id", "schema", ECOMMERCE.time, ECOMMERCE.amount}
    wanted |= {text.get(name, name) for name in ECOMMERCE.text + ECOMMERCE.number}
    assert set(EcommerceEvent.__struct_fields__) == wanted
    wanted = {"event_id", "schema", BANKING.time, BANKING.amount, *BANKING.text, *VECTOR}
    assert set(BankingEvent.__struct_fields__) == wanted
    for profile, spec in (("ecommerce", ECOMMERCE), ("banking", BANKING)):
        schema = json.loads(schema_files()[f"{profile}-event.json"])
        assert set(schema["required"]) == set(spec.required)


def test_bounds_of_the_messages_are_those_of_the_batches() -> None:
    (amount,) = Amount.__metadata__  # type: ignore[attr-defined]
    assert amount.le == MAX_AMOUNT
    age = json.loads(schema_files()["ecommerce-event.json"])["properties"]["age"]["anyOf"][0]
    assert age["maximum"] == MAX_AGE


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        found = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return found + [one for value in node.values() for one in references(value)]
    return [one for value in node for one in references(value)] if isinstance(node, list) else []


def test_asyncapi_refers_only_to_what_it_holds() -> None:
    document = yaml.safe_load(schema_files()["asyncapi.yaml"])
    assert document == asyncapi()
    found = references(document)
    assert found
    for reference in found:
        node: Any = document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]
        assert isinstance(node, dict)


def test_asyncapi_names_every_topic_with_its_settings() -> None:
    channels = {channel["address"]: channel for channel in asyncapi()["channels"].values()}
    topics = {topic.name: topic for profile in PROFILES for topic in Topics(LIVE).all(profile)}
    assert set(channels) == set(topics)
    for name, channel in channels.items():
        binding = channel["bindings"]["kafka"]
        config = binding["topicConfiguration"]
        assert binding["partitions"] == PARTITIONS
        assert str(config["max.message.bytes"]) == topics[name].config()["max.message.bytes"]
        compacted = topics[name].retention_days is None
        assert config["cleanup.policy"] == ["compact" if compacted else "delete"]
        assert ("retention.ms" in config) is not compacted


def test_asyncapi_describes_every_header_of_a_dead_letter() -> None:
    headers = asyncapi()["components"]["messages"]["DeadLetter"]["headers"]
    assert set(headers["properties"]) == {header.value for header in Header}
    optional = {Header.TRUNCATED.value, Header.SHA256.value}
    assert set(headers["required"]) == set(headers["properties"]) - optional
