"""``fraudstream rules`` and ``lists`` as a user sees them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli import lists, rules
from core.errors import ConfigError, DataError, FraudstreamError, RulesError
from core.settings import Settings
from model.rules.rule_set import load_rules
from tests.stream.forked import ROOT

GOOD = """
- name: ring
  profile: ecommerce
  when: device_users_1h >= 1 && seconds_since_signup <= 60
  action: block
  reason: another account within the hour
- name: card-only
  when: vector_count_1h > 3
  action: review
  profile: banking
  reason: the same vector again
"""


@pytest.fixture(autouse=True)
def here(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FRAUDSTREAM_REDIS", settings.redis.get_secret_value())
    monkeypatch.setenv("FRAUDSTREAM_NAMESPACE", settings.namespace)


def run(group: Any, *arguments: str) -> Result:
    return CliRunner().invoke(group, list(arguments))


def result_of(group: Any, *arguments: str) -> dict[str, Any]:
    result = run(group, *arguments, "--json")
    assert result.exit_code == 0, result.output + repr(result.exception)
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def refusal(error: type[FraudstreamError], group: Any, *arguments: str) -> str:
    result = run(group, *arguments)
    assert isinstance(result.exception, error), result.output
    return str(result.exception)


def test_a_file_is_described_and_a_broken_one_refused_with_its_line() -> None:
    Path("good.yaml").write_text(GOOD)
    found = result_of(rules.app, "check", "good.yaml")
    (ring,) = found["rules"]
    assert (ring["name"], ring["action"], ring["shadow"]) == ("ring", "block", False)
    assert ring["reads"] == ["device_users_1h", "seconds_since_signup"]
    assert found["hash"] == load_rules(Path("good.yaml"), "ecommerce").hash
    assert result_of(rules.app, "check", "good.yaml", "--profile", "banking")["rules"]
    assert "ring" in run(rules.app, "check", "good.yaml").output
    Path("bad.yaml").write_text(GOOD.replace("device_users_1h", "device_user_1h"))
    said = refusal(RulesError, rules.app, "check", "bad.yaml")
    assert "bad.yaml:4" in said
    assert "device_users_1h" in said  # what was meant, perhaps


def test_reload_replaces_the_file_in_use_and_only_by_a_good_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("new.yaml").write_text(GOOD)
    assert "FRAUDSTREAM_RULES" in refusal(ConfigError, rules.app, "reload", "new.yaml")
    used = Path("used.yaml").absolute()
    monkeypatch.setenv("FRAUDSTREAM_RULES", str(used))
    assert result_of(rules.app, "reload", "new.yaml")["file"] == str(used)
    assert used.read_text() == GOOD
    assert result_of(rules.app, "check")["rules"]
    Path("bad.yaml").write_text("- {name: x}")
    refusal(RulesError, rules.app, "reload", "bad.yaml")
    assert used.read_text() == GOOD
    assert "itself" in refusal(ConfigError, rules.app, "reload", str(used))


def test_the_example_of_the_docs_is_a_file_of_rules() -> None:
    path = ROOT / "docs" / "rules.example.yaml"
    assert len(load_rules(path, "ecommerce")) >= 4
    assert len(load_rules(path, "banking")) >= 1


def test_entries_come_and_go() -> None:
    assert (
        result_of(lists.app, "add", "deny", "device", "d-1", "d-2", "--why", "stolen")["put"] == 2
    )
    assert result_of(lists.app, "add", "suppress", "user", "u", "--for", "7d")["put"] == 1
    assert result_of(lists.app, "add", "deny", "ip", "10.1.0.0/16")["put"] == 1
    shown = result_of(lists.app, "show")
    assert shown["total"] == 4
    first = shown["entries"][0]
    assert (first["list"], first["kind"], first["value"]) == ("deny", "device", "d-1")
    assert (first["why"], first["until"]) == ("stolen", None)
    assert result_of(lists.app, "show", "suppress")["entries"][0]["until"] is not None
    assert result_of(lists.app, "remove", "deny", "ip", "10.1.0.0/16")["removed"] == 1
    assert result_of(lists.app, "remove", "suppress", "user", "u")["removed"] == 1
    refusal(DataError, lists.app, "remove", "deny", "device", "d-9")
    assert "2 entries" in refusal(ConfigError, lists.app, "clear", "deny", "device")
    assert result_of(lists.app, "clear", "deny", "device", "--yes")["removed"] == 2
    assert result_of(lists.app, "show")["total"] == 0
    assert "0 entries" in run(lists.app, "show").output


def test_a_file_is_put_on_a_list_and_bad_lines_go_aside() -> None:
    Path("stolen.txt").write_text("d-1\n# a comment\nd-2 # of the bank\n\n" + "x" * 300 + "\nd-1\n")
    found = result_of(lists.app, "import", "deny", "device", "stolen.txt")
    assert (found["lines"], found["put"], found["rejected"]) == (4, 2, 1)
    line, _, reason = Path(found["rejects_file"]).read_text().splitlines()[1].partition(",")
    assert line == "5"
    assert "1 to 256" in reason
    assert "nowhere.txt" in refusal(DataError, lists.app, "import", "deny", "user", "nowhere.txt")


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        (["add", "block", "device", "d"], RulesError, "deny, allow, suppress"),
        (["add", "suppress", "user", "u"], RulesError, "until when"),
        (
            ["add", "deny", "user", "u", "--for", "1d", "--until", "2030-01-01"],
            ConfigError,
            "--for",
        ),
        (["add", "deny", "user", "u", "--until", "soon"], ConfigError, "soon"),
        (["show", "deny", "card"], RulesError, "card"),
    ],
)
def test_refusals(arguments: list[str], error: type[FraudstreamError], says: str) -> None:
    assert says in refusal(error, lists.app, *arguments)
