"""``fraudstream doctor``: is everything there that a worker needs?"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from core.errors import FraudstreamError
from core.kafka_admin import KafkaAdmin
from core.names import Topics
from core.settings import Settings, load_settings


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check settings, Kafka, Redis, the IP table and the model; exit 1 if something is wrong.

    Example:

        fraudstream doctor
    """
    settings = load_settings()
    findings = [
        _look(name, check, settings)
        for name, check in (
            ("Kafka", _kafka),
            ("Redis", _redis),
            ("IP table", _ip_table),
            ("model", _model),
        )
    ]
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        table = Table(title=f"profile {settings.profile}, namespace {settings.namespace}")
        for title in ("", "what", "finding"):
            table.add_column(title)
        for finding in findings:
            table.add_row("ok" if finding.ok else "FAIL", finding.name, finding.detail)
        Console().print(table)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def _look(name: str, check: Callable[[Settings], str], settings: Settings) -> Finding:
    try:
        return Finding(name, True, check(settings))
    except FraudstreamError as error:
        return Finding(name, False, str(error))


def _kafka(settings: Settings) -> str:
    there = KafkaAdmin(settings).partitions()
    mine = [topic.name for topic in Topics(settings.namespace).all(settings.profile)]
    missing = [name for name in mine if name not in there]
    if missing:
        return f"{settings.kafka} answers; a worker will create {', '.join(missing)}"
    return f"{settings.kafka} answers; all {len(mine)} topics are there"


def _redis(settings: Settings) -> str:
    from features.open_wire import open_wire

    wire = open_wire(settings.redis.get_secret_value())
    try:
        wire.check_policy()
    finally:
        wire.close()
    return "answers; maxmemory-policy is noeviction"


def _ip_table(settings: Settings) -> str:
    from features.countries import load_country_table

    return load_country_table(settings.ip_table).source


def _model(settings: Settings) -> str:
    from features.countries import load_country_table
    from stream.decisions import load_decision_maker

    maker = load_decision_maker(settings, load_country_table(settings.ip_table))
    meta = maker.version.metadata
    return f"{meta.name} {meta.version}: review at {maker.review:.4f}, block at {maker.block:.4f}"
