"""``fraudstream rules``: a file of rules, checked, and put into use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.csv_options import AsJson
from cli.stream_options import StreamProfile
from core.errors import ConfigError
from core.settings import load_settings

app = typer.Typer(
    help="Rules beside the model: check a file, put it into use.", no_args_is_help=True
)
_SETTING = "FRAUDSTREAM_RULES"


@app.command("check")
def check(
    file: Annotated[
        Path | None, typer.Argument(help="Of rules.", show_default=f"that of {_SETTING}")
    ] = None,
    profile: StreamProfile = None,
    as_json: AsJson = False,
) -> None:
    """Say what is wrong in a file of rules, with line and remedy, or what its rules read.

    Rules for other profiles are checked, too. docs/rules.md has the language.

    Example:

        fraudstream rules check rules.yaml
    """
    settings = load_settings(profile=profile)
    found = _described(file or _in_use(settings.rules), settings.profile)
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    _show(found)


@app.command("reload")
def reload(
    file: Annotated[Path, typer.Argument(help="New rules, to take the place of those in use.")],
    profile: StreamProfile = None,
    as_json: AsJson = False,
) -> None:
    """Check a file and put it where workers read their rules; they take it up within a second.

    The file of FRAUDSTREAM_RULES is replaced in one step, so no worker reads half of it. A file
    that is broken changes nothing. Whoever edits that file in place needs no command: a worker
    refuses what it cannot use and keeps the rules that it has.

    Example:

        fraudstream rules reload new.yaml
    """
    from core.whole_files import check_place, whole_file

    settings = load_settings(profile=profile)
    place = _in_use(settings.rules)
    found = _described(file, settings.profile)
    if place.exists() and file.resolve() == place.resolve():
        raise ConfigError(
            f"{file} is the file of {_SETTING} itself, which workers have read already: write new "
            "rules to another file"
        )
    check_place(place, _SETTING, "rules.yaml", file)
    content = file.read_bytes()
    with whole_file(place, _SETTING) as hidden:
        hidden.write_bytes(content)
    if as_json:
        typer.echo(json.dumps({**found, "file": str(place)}, ensure_ascii=False))
        return
    _show(found)
    typer.echo(f"in use from now on: {place}")


def _in_use(path: Path | None) -> Path:
    if path is None:
        raise ConfigError(f"{_SETTING} names no file of rules: set it, or name a file")
    return path


def _described(path: Path, profile: str) -> dict[str, Any]:
    """What a file of rules says to the events of a profile."""
    from features.iso_times import iso_time
    from model.rules.rule import ALWAYS_MS, NEVER_MS
    from model.rules.rule_set import load_rules

    rules = load_rules(path, profile)
    return {
        "file": str(path),
        "profile": profile,
        "hash": rules.hash,
        "rules": [
            {
                "name": one.rule.name,
                "action": one.rule.action,
                "severity": str(one.rule.severity),
                "shadow": one.rule.shadow,
                "from": None if one.rule.from_ms == ALWAYS_MS else iso_time(one.rule.from_ms),
                "until": None if one.rule.until_ms == NEVER_MS else iso_time(one.rule.until_ms),
                "reason": one.rule.reason,
                "reads": sorted(one.reads),
            }
            for one in rules.rules
        ],
    }


def _show(found: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    many = len(found["rules"])
    table = Table(
        title=f"{escape(found['file'])}: {many} {'rule' if many == 1 else 'rules'} for "
        f"{found['profile']}",
        title_justify="left",
    )
    for head in ("rule", "action", "from", "until", "reads"):
        table.add_column(head)
    for one in found["rules"]:
        action = one["action"] + (", in shadow" if one["shadow"] else "")
        table.add_row(
            one["name"], action, one["from"] or "", one["until"] or "", ", ".join(one["reads"])
        )
    Console(highlight=False).print(table)
