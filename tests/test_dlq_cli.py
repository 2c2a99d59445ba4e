"""``fraudstream dlq`` on a real broker: what it lists, shows and sends again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from core.errors import BrokerError, ConfigError, DataError
from core.kafka_admin import CLIENT_LOG
from core.names import REPLAYED_FROM, Header
from core.settings import Settings
from tests.dlq_letters import FAILED_AT, Morgue, dlq, read_all
from tests.producer.csv_files import environment
from tests.test_alerts_cli import point_to

HOSTILE = [
    b"\x00\x1b[31m\xff\xfe", bytes(range(256)), b"", None, b'{"a": "\\u202e"', b"\r\n\r\n",
    "é漢\u202e".encode(), b"\xf0\x9f" * 40, b'{"event_id":\x1b}',
]  # fmt: skip


@pytest.fixture
def morgue(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Morgue:
    point_to(settings, monkeypatch)
    return Morgue(settings)


def listed(*arguments: str) -> list[dict[str, Any]]:
    result = dlq("list", "--json", *arguments)
    assert result.exit_code == 0, result.exception
    return [json.loads(line) for line in result.stdout.splitlines()]


def replayed(*arguments: str, code: int = 0) -> dict[str, Any]:
    result = dlq("replay", "--json", *arguments)
    assert result.exit_code == code, (result.exception, result.stderr)
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.mark.integration
def test_list_show_and_raw_give_hostile_bytes_as_they_are(morgue: Morgue) -> None:
    for value in HOSTILE:
        morgue.bury("malformed_json", value)
    morgue.close()
    stored = {
        f"{one.partition()}:{one.offset()}": one for one in read_all(morgue.settings, morgue.dlq)
    }
    everything = listed()
    assert {one["letter"] for one in everything} == stored.keys()
    for letter, message in stored.items():
        raw = dlq("show", letter, "--raw")
        assert (raw.exit_code, raw.stdout_bytes) == (0, message.value() or b"")
        shown = dlq("show", letter)
        assert shown.exit_code == 0
        assert all(line.isprintable() for line in shown.stdout.split("\n"))
        as_json = json.loads(dlq("show", letter, "--json").stdout)
        assert as_json == next(one for one in everything if one["letter"] == letter)
    assert all(line.isprintable() for line in dlq("list").stdout.split("\n"))


@pytest.mark.integration
def test_list_filters_and_counts(morgue: Morgue) -> None:
    morgue.bury("bad_ip", b"1", "ip_address", failed_at="2026-01-31T11:59:59.999Z")
    morgue.bury("future_time", b"2", "purchase_time")
    morgue.bury("future_time", b"3", "purchase_time", failed_at="2026-02-01T00:00:00.000Z")
    morgue.bury("out_of_range", b"4", "v3", topic=morgue.topics.transactions("banking").name)
    morgue.leave(None, b"5", [])
    morgue.close()

    def values(*arguments: str) -> set[str]:
        return {one["value"] for one in listed(*arguments)}

    assert values() == {"1", "2", "3"}
    assert values("--all-profiles") == {"1", "2", "3", "4", "5"}
    assert values("--profile", "banking") == {"4"}
    assert values("--code", "future_time") == {"2", "3"}
    assert values("--field", "ip_address") == {"1"}
    assert values("--since", FAILED_AT) == {"2", "3"}
    assert values("--since", FAILED_AT, "--until", "2026-02-01T00:00Z") == {"2"}
    assert values("--until", FAILED_AT) == {"1"}
    assert len(listed("--limit", "2")) == 2
    assert "the latest 2 of 3" in dlq("list", "--limit", "2").stderr
    assert "2 came from other topics" in dlq("list").stderr
    counts = json.loads(dlq("list", "--by", "code", "--json").stdout)
    assert [(one["code"], one["letters"]) for one in counts["counts"]] == [
        ("future_time", 2), ("bad_ip", 1),
    ]  # fmt: skip
    assert dlq("list", "--by", "source", "--all-profiles").stdout.count("\n") == 4


@pytest.mark.integration
def test_an_age_counts_back_from_now(morgue: Morgue) -> None:
    morgue.bury("empty", b"old", failed_at="2020-01-01T00:00:00.000Z")
    morgue.bury("empty", b"new", failed_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
    morgue.close()
    assert [one["value"] for one in listed("--since", "1h")] == ["new"]
    assert [one["value"] for one in listed("--until", "1h")] == ["old"]
    assert [one["value"] for one in listed("--since", "100000d")] == ["old", "new"]


@pytest.mark.integration
def test_the_newest_are_last_over_all_partitions(morgue: Morgue) -> None:
    for number in range(12):
        morgue.bury("empty", b"%d" % number, key=b"key-%d" % number)
        morgue.close()
        time.sleep(0.002)
    assert [one["value"] for one in listed("--limit", "5")] == ["7", "8", "9", "10", "11"]


@pytest.mark.integration
def test_headers_that_anybody_wrote_do_no_harm(morgue: Morgue) -> None:
    for headers in (
        [], [("x", b"\xff")], [(Header.CODE, b"\xff\x1b"), (Header.OFFSET, b"many")],
        [(Header.TOPIC, b"\x00" * 300), (Header.FAILED_AT, b"0001-01-01T00:00:00+14:00")],
    ):  # fmt: skip
        morgue.leave(b"k", b"v", [(str(name), content) for name, content in headers])
    morgue.close()
    assert len(listed("--all-profiles")) == 4
    for one in listed("--all-profiles"):
        assert dlq("show", one["letter"]).exit_code == 0
    assert dlq("list", "--all-profiles", "--by", "code").exit_code == 0
    done = replayed("--all", "--all-profiles", code=1)
    assert (done["chosen"], done["sent"], done["not_from_an_input_topic"]) == (4, 0, 4)


_UNREADABLE_NAME = """
import asyncio, sys
from aiokafka import AIOKafkaProducer

class Name(str):
    def encode(self, *_):
        return b"\\xff\\xfe"

async def main():
    async with AIOKafkaProducer(bootstrap_servers=sys.argv[1]) as producer:
        await producer.send_and_wait(sys.argv[2], b"odd", key=b"k", headers=[(Name("x"), b"y")])

asyncio.run(main())
"""


@pytest.mark.integration
def test_a_header_whose_name_is_no_text_does_no_harm(morgue: Morgue) -> None:
    subprocess.run(
        [sys.executable, "-c", _UNREADABLE_NAME, morgue.settings.kafka, morgue.dlq],
        env={**os.environ, "AIOKAFKA_NO_EXTENSIONS": "1"},
        check=True,
    )
    for _ in range(20):  # until the interpreter takes its short cuts
        (odd,) = listed("--all-profiles")
        assert (odd["value"], odd["code"]) == ("odd", None)


@pytest.mark.integration
def test_replay_of_five_thousand_loses_none_and_changes_none(morgue: Morgue) -> None:
    buried = {}
    for number in range(5_000):
        key, value = b"user-%d" % (number % 700), b"\xff%d\x00" % number
        buried[value] = key
        morgue.bury("malformed_json", value, key=key)
    morgue.close()
    done = replayed("--code", "malformed_json")
    assert (done["chosen"], done["sent"], done["failed"], done["left"]) == (5_000, 5_000, 0, 0)
    sent = read_all(morgue.settings, morgue.input)
    assert len(sent) == 5_000
    assert {one.value(): one.key() for one in sent} == buried
    marks = {dict(one.headers())[REPLAYED_FROM].decode() for one in sent}
    letters = read_all(morgue.settings, morgue.dlq)
    assert marks == {f"{morgue.dlq}-{one.partition()}-{one.offset()}" for one in letters}
    order: dict[bytes, list[int]] = {}
    for one in sent:
        order.setdefault(one.key(), []).append(int(one.value()[1:-1]))
    assert all(numbers == sorted(numbers) for numbers in order.values())


@pytest.mark.integration
def test_replay_sends_hostile_keys_and_values_byte_for_byte(morgue: Morgue) -> None:
    pairs = [(key, value) for key in (None, b"", b"\xff\x00") for value in HOSTILE]
    for key, value in pairs:
        morgue.bury("malformed_json", value, key=key)
    morgue.close()
    assert replayed("--all")["sent"] == len(pairs)
    sent = [(one.key(), one.value()) for one in read_all(morgue.settings, morgue.input)]
    assert sorted(sent, key=repr) == sorted(pairs, key=repr)


@pytest.mark.integration
def test_the_largest_events_go_back_too(morgue: Morgue) -> None:
    incompressible = os.urandom(1_040_000)
    came_compressed = b"x" * 1_060_000
    morgue.bury("malformed_json", incompressible)
    morgue.bury("too_large", came_compressed)
    morgue.close()
    assert replayed("--all")["sent"] == 2
    sent = [one.value() for one in read_all(morgue.settings, morgue.input)]
    assert sorted(sent) == sorted([incompressible, came_compressed])


@pytest.mark.integration
def test_what_the_broker_refuses_is_counted_and_named(morgue: Morgue) -> None:
    morgue.bury("too_large", os.urandom(1_080_000))
    morgue.bury("malformed_json", b"small")
    morgue.close()
    done = replayed("--all", code=1)
    assert (done["sent"], done["failed"]) == (1, 1)
    (refused,) = listed("--code", "too_large")
    assert done["failures"][0]["letter"] == refused["letter"]
    assert [one.value() for one in read_all(morgue.settings, morgue.input)] == [b"small"]


@pytest.mark.integration
def test_only_what_is_chosen_is_sent_and_to_where_it_came_from(morgue: Morgue) -> None:
    banking = morgue.topics.transactions("banking").name
    morgue.bury("bad_ip", b"a")
    morgue.bury("bad_time", b"b")
    morgue.bury("bad_time", b"c", topic=banking)
    morgue.close()
    places = {one["value"]: one["letter"] for one in listed("--all-profiles")}
    assert replayed("--code", "bad_time")["topics"] == {morgue.input: 1}
    assert replayed(places["c"], places["a"], places["a"])["sent"] == 2
    assert [one.value() for one in read_all(morgue.settings, morgue.input)] == [b"b", b"a"]
    assert [one.value() for one in read_all(morgue.settings, banking)] == [b"c"]


@pytest.mark.integration
def test_a_cut_letter_is_counted_and_the_rest_is_sent(morgue: Morgue) -> None:
    morgue.bury("too_large", b"x" * 1_300_000)
    morgue.bury("bad_ip", b"a")
    morgue.close()
    done = replayed("--all", code=1)
    assert (done["sent"], done["truncated"]) == (1, 1)
    assert "cut" in dlq("replay", "--code", "too_large").stderr
    assert [one.value() for one in read_all(morgue.settings, morgue.input)] == [b"a"]


@pytest.mark.integration
@pytest.mark.parametrize("topic", ["transactions", "fraud-labels", "other-transactions", ""])
def test_nothing_is_sent_outside_the_input_topics_of_the_namespace(
    morgue: Morgue, topic: str
) -> None:
    morgue.bury("bad_ip", b"a", topic=topic)
    morgue.close()
    done = replayed("--all", "--all-profiles", code=1)
    assert (done["sent"], done["not_from_an_input_topic"]) == (0, 1)
    (only,) = listed("--all-profiles")
    assert replayed(only["letter"], code=1)["sent"] == 0


@pytest.mark.integration
def test_a_dry_run_sends_nothing_and_shows_what_would_be_sent(morgue: Morgue) -> None:
    for number in range(25):
        morgue.bury("bad_ip", b"%d" % number, message=f"reason {number} of them")
    morgue.close()
    shown = dlq("replay", "--all", "--dry-run")
    assert shown.exit_code == 0
    assert "reason 0 of them" in shown.stdout
    assert "… and 5 more" in shown.stdout
    assert replayed("--all", "--dry-run")["would_be_sent"] == 25
    assert read_all(morgue.settings, morgue.input) == []


@pytest.mark.integration
def test_of_an_event_that_came_back_only_the_latest_letter_is_sent(morgue: Morgue) -> None:
    morgue.bury("bad_ip", b"a")
    morgue.close()
    replayed("--all")
    (first,) = read_all(morgue.settings, morgue.input)
    morgue.bury("bad_ip", b"a", headers=tuple(first.headers()))
    morgue.close()
    earlier, later = listed()
    assert (earlier["replayed_from"], later["replayed_from"]) == (
        None, f"{morgue.dlq}-{earlier['partition']}-{earlier['offset']}",
    )  # fmt: skip
    done = replayed("--all")
    assert (done["chosen"], done["sent"], done["came_back_later"]) == (2, 1, 1)
    assert replayed(earlier["letter"])["sent"] == 1


@pytest.mark.integration
def test_a_forged_mark_hides_no_letter(morgue: Morgue) -> None:
    """Neither a letter that holds something else nor one that claims to come of a later one."""
    forged = [
        ((REPLAYED_FROM, f"{morgue.dlq}-{p}-{o}".encode()),) for p in range(4) for o in range(4)
    ]
    for headers in forged[:3]:
        morgue.bury("bad_ip", b"same", headers=headers)
    morgue.bury("bad_ip", b"other", headers=forged[0])
    morgue.bury("bad_ip", b"same", headers=forged[1])
    morgue.close()
    replayed("--all")
    assert {one.value() for one in read_all(morgue.settings, morgue.input)} == {b"same", b"other"}


@pytest.mark.integration
def test_an_interrupted_replay_says_how_far_it_came(morgue: Morgue, tmp_path: Path) -> None:
    for number in range(60_000):
        morgue.bury("malformed_json", b"%d" % number * 20, key=b"%d" % number)
    morgue.close()
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "dlq", "replay", "--all", "--json"],
        cwd=tmp_path,
        env=environment(morgue.settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not read_all(morgue.settings, morgue.input):
        assert process.poll() is None
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    done = json.loads(output)
    assert process.returncode == 1
    assert done["left"] > 0
    assert done["not_acknowledged"] == 0
    assert f"sent {done['sent']:,} of 60,000 letters" in errors
    assert len(read_all(morgue.settings, morgue.input)) == done["sent"]


@pytest.mark.integration
def test_reading_leaves_no_consumer_group(morgue: Morgue) -> None:
    morgue.bury("bad_ip", b"a")
    morgue.close()
    client = AdminClient(morgue.settings.confluent_config(), logger=CLIENT_LOG)
    before = {group.group_id for group in client.list_consumer_groups().result().valid}
    replayed(listed()[0]["letter"])
    dlq("show", "0:0")
    after = {group.group_id for group in client.list_consumer_groups().result().valid}
    assert after - before == set()


@pytest.mark.integration
def test_an_empty_topic_is_no_error(morgue: Morgue) -> None:
    for words in (("list",), ("list", "--by", "code"), ("replay", "--all")):
        result = dlq(*words)
        assert (result.exit_code, result.stdout) == (0, ""), words
        assert "no " in result.stderr
    assert replayed("--all")["chosen"] == 0


@pytest.mark.integration
def test_no_topic_is_one_line_with_the_remedy(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_to(settings, monkeypatch)
    for words in (("list",), ("show", "0:0"), ("replay", "--all")):
        result = dlq(*words)
        assert isinstance(result.exception, BrokerError)
        assert "FRAUDSTREAM_NAMESPACE" in str(result.exception)


@pytest.mark.integration
@pytest.mark.parametrize("words", [("show", "9:0"), ("show", "0:0"), ("replay", "1:5", "0:0")])
def test_a_letter_that_is_not_there_is_named_before_anything_is_sent(
    morgue: Morgue, words: tuple[str, ...]
) -> None:
    result = dlq(*words)
    assert isinstance(result.exception, DataError)
    assert "there is no dead letter" in str(result.exception)


@pytest.mark.parametrize(
    "words",
    [
        ("replay",), ("replay", "0:0", "--all"), ("replay", "--all", "--code", "x"),
        ("replay", "--dry-run"), ("replay", "0:0", "--all-profiles"), ("replay", "nonsense"),
        ("replay", "--all", "--profile", "banking", "--all-profiles"), ("show", "x"),
        ("show", "0:0", "--raw", "--json"), ("list", "--by", "code", "--limit", "3"),
        ("list", "--since", "yesterday"), ("list", "--profile", "telecom"),
    ],
)  # fmt: skip
def test_wrong_use_is_refused(words: tuple[str, ...]) -> None:
    result = dlq(*words)
    assert isinstance(result.exception, ConfigError), result.exception
    assert result.exception.exit_code == 2
    if words == ("replay",):
        assert "--code" in str(result.exception)


def test_no_broker_is_a_broker_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAUDSTREAM_KAFKA", "127.0.0.1:9")
    for words in (("list",), ("show", "0:0"), ("replay", "--all")):
        result = dlq(*words)
        assert isinstance(result.exception, BrokerError)
        assert "fraudstream stack up" in str(result.exception)
