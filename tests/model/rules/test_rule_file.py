"""The file of rules: what it may say, and how everything else is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.errors import RulesError
from model.rules.followed import FollowedRules
from model.rules.rule_file import MAX_RULES
from model.rules.rule_set import load_rules
from model.rules.yaml_nodes import MAX_BYTES
from tests.model.rules.judged import rows, rule_set

RING = """\
- name: ring
  when: device_users_1h >= 1 && seconds_since_signup <= 60
  action: review
  severity: high
  reason: several new accounts on one device
"""


def rule(**keys: str) -> str:
    given = {"name": "one", "when": "amount > 1", "action": "block", "reason": "because", **keys}
    return "- " + "\n  ".join(f"{key}: {value}" for key, value in given.items() if value) + "\n"


def test_a_rule_is_read_with_all_it_says() -> None:
    (one,) = rule_set(
        "# Comment\n"
        + rule(severity="low", **{"from": "2015-01-02", "until": "2015-01-03T12:00:00+01:00"})
        + "  shadow: true\n  profile: ecommerce\n"
    ).rules
    assert (one.rule.name, one.rule.action, one.rule.severity, one.rule.shadow) == (
        "one", "block", "low", True,
    )  # fmt: skip
    assert (one.rule.from_ms, one.rule.until_ms) == (1_420_156_800_000, 1_420_282_800_000)
    assert one.reads == {"amount"}


def test_severity_follows_the_action_where_it_is_not_given() -> None:
    assert rule_set(rule()).rules[0].hit.severity == "high"
    assert rule_set(rule(action="review")).rules[0].hit.severity == "medium"


def test_the_period_is_one_of_event_time() -> None:
    time_ms = rows().batch.time_ms
    middle = int(np.median(time_ms)) // 1000 * 1000
    at = np.datetime_as_string(np.datetime64(middle, "ms"), timezone="UTC")
    before = rule_set(rule(when="true", until=at)).hits(rows())[0]
    after = rule_set(rule(when="true", **{"from": at})).hits(rows())[0]
    np.testing.assert_array_equal(before, time_ms < middle)
    np.testing.assert_array_equal(after, ~before)
    assert before.any()
    assert after.any()


def test_the_hash_is_that_of_what_the_rules_say() -> None:
    first = rule_set(RING)
    assert len(first.hash) == 64
    assert rule_set("# why\n" + RING).hash == first.hash
    assert rule_set(RING.replace("60", "61")).hash != first.hash
    assert rule_set("").hash == ""
    assert len(rule_set("[]")) == 0


def test_a_rule_of_another_profile_is_checked_and_left_out() -> None:
    banking = rule(when="v1 > 1.0", profile="banking")
    assert len(rule_set(RING + banking)) == 1
    with pytest.raises(RulesError, match="rule one: 'v1' is no field"):
        rule_set(rule(when="v1 > 1.0"))
    with pytest.raises(RulesError, match="rule one: 'v77' is no field"):
        rule_set(rule(when="v77 > 1.0", profile="banking"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (RING + rule(when="amuont > 1"), "rules.yaml:7, column 1 of the condition of rule one: "
         "'amuont' is no field or feature: did you mean amount"),
        (rule(when="|\n    amount > 1 &&\n    colour == 'x'"), "rules.yaml:4, column 1 of the"),
        (RING + RING, "rules.yaml:6: the name 'ring' is that of the rule in line 1, too"),
        (rule(severty="low"), "rules.yaml:5: the key 'severty' is unknown: did you mean severity?"),
        (rule() + "  name: two\n", "rules.yaml:5: the key name is given twice"),
        (rule(action="alert"), "rules.yaml:3: action 'alert': write review"),
        (rule(action="deny"), "action 'deny' is unknown: use allow, block, review"),
        (rule(action="allow", severity="low"), "an allow rule makes no alert"),
        (rule(severity="urgent"), "severity 'urgent' is unknown"),
        (rule(shadow="yes"), "shadow 'yes': use true or false"),
        (rule(until="soon"), "time 'soon': write ISO 8601"),
        (rule(**{"from": "2026-02-01", "until": "2026-01-01"}), "the rule would never hold"),
        (rule(name="Ring 1"), "use up to 64 small letters"),
        (rule(reason=""), "the rule has no reason: add it"),
        (rule(when=""), "the rule has no when: add it"),
        (rule(reason="x" * 300), "the reason has 300 characters"),
        (rule(when="[a, b]"), "when is one value"),
        (rule(profile="shop"), "profile 'shop' is unknown"),
        ("name: x\n", "rules.yaml:1: this is no list"),
        ("- just text\n", "rules.yaml:1: this is no rule"),
        ("- name: [\n", "rules.yaml:2: this is not YAML"),
        ("- name: x\n  when: a: b\n", "rules.yaml:2: this is not YAML"),
        ("- a: 1\n---\n- b: 2\n", "this is not YAML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_its_line_and_a_remedy(text: str, says: str) -> None:
    with pytest.raises(RulesError) as refused:
        rule_set(text)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"- &a [x, x]\n- &b [*a, *a]\n- [*b, *b]\n", "anchors and aliases"),
        (b"- name: &x y\n  when: *x\n", "anchors and aliases"),
        (b"&a [*a]", "anchors and aliases"),
        (b"[" * 100_000, "nested deeper"),
        (b"- {a: {b: {c: {d: {e: f}}}}}", "nested deeper"),
        (b"- name: !!python/object/apply:os.system ['true']\n", "name is one value"),
        (b"x" * (MAX_BYTES + 1), f"larger than {MAX_BYTES:,} bytes"),
        (b"\xff\xfe\x00", "this is not YAML"),
        (b"- name: \x00\n", "this is not YAML"),
        (b"- {name: a}\n" * (MAX_RULES + 1), f"more than {MAX_RULES} rules"),
    ],
)
def test_hostile_files_are_refused(content: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_bytes(content)
    with pytest.raises(RulesError, match=says):
        load_rules(path, "ecommerce")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match="set FRAUDSTREAM_RULES"):
        load_rules(tmp_path / "none.yaml", "ecommerce")
    assert len(load_rules(None, "ecommerce")) == 0


def test_a_followed_file_changes_with_its_content_and_never_to_a_broken_one(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(RING)
    followed = FollowedRules(path, "ecommerce")
    first = followed.current
    assert not followed.changed()
    path.write_text("# a comment more\n" + RING)
    assert not followed.changed()
    path.write_text(rule(when="nothing > 1"))
    with pytest.raises(RulesError, match="nothing"):
        followed.changed()
    assert not followed.changed()  # said once
    path.unlink()
    with pytest.raises(RulesError, match="No such file"):
        followed.changed()
    assert not followed.changed()
    assert followed.current is first
    path.write_text(rule())
    assert followed.changed()
    assert [one.rule.name for one in followed.current.rules] == ["one"]


def test_a_rule_without_profile_that_asks_for_what_another_has_is_told_to_name_it() -> None:
    text = rule(when="device_users_1h >= 1")
    with pytest.raises(RulesError) as refused:
        rule_set(text, "banking")
    assert "the rule has no profile" in str(refused.value)
    assert "add `profile: ecommerce`" in str(refused.value)
    assert len(rule_set(text, "ecommerce")) == 1
    with pytest.raises(RulesError) as refused:  # nobody has it: a profile would not help
        rule_set(rule(when="v77 > 1.0"), "banking")
    assert "no profile" not in str(refused.value)
