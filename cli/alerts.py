"""``fraudstream alerts``: what the workers found suspicious, as a person wants to read it."""

from __future__ import annotations

import re
import sys
import time
from collections import deque
from typing import Annotated

import msgspec
import typer

from cli.alert_feed import AlertFilter, from_now_on, until_now
from cli.replay_view import say
from cli.stopping import stop_on_signals
from cli.stream_options import StreamProfile
from core.errors import ConfigError
from core.kafka_admin import KafkaAdmin
from core.messages import Alert
from core.names import Topics
from core.settings import load_settings
from producer.options import duration_ms, moment_ms
from producer.tail import TailReader

_COLOURS = {"critical": "magenta", "high": "red", "medium": "yellow", "low": "blue"}
_HEADER = (
    f"{'event time (UTC)':19}  {'severity':8}  {'decision':8}  {'score':5}  {'amount':>12}  "
    f"{'country':7}  {'who':20}  reason"
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LOOK_FOR_TOPIC_S = 1.0


def alerts(
    *,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Stay, and print alerts as they come.")
    ] = False,
    limit: Annotated[
        int | None,
        typer.Option("--limit", "-n", help="Of those there are, only the newest so many.", min=1),
    ] = None,
    since: Annotated[
        str,
        typer.Option(
            "--from",
            help="Published since: beginning, end, a time (2026-01-31T12:00Z) or an age (2h).",
        ),
    ] = "beginning",
    profile: StreamProfile = None,
    namespace: Annotated[
        str | None,
        typer.Option(help="Prefix of the topics.", show_default="FRAUDSTREAM_NAMESPACE"),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One alert per line, as it was published.")
    ] = False,
) -> None:
    """Print the alerts of a profile, the oldest published first, each event once.

    Reads without a consumer group, so it takes nothing away from anybody.

    Examples:

        fraudstream alerts --limit 20

        fraudstream alerts --follow --json --from end
    """
    settings = load_settings(profile=profile, namespace=namespace)
    topic = Topics(settings.namespace).alerts.name
    now_ms = time.time_ns() // 1_000_000
    since_ms = _since_ms(since, now_ms)
    admin = KafkaAdmin(settings)
    printer = _Printer(as_json)
    chosen = AlertFilter(settings.profile)
    with stop_on_signals() as stopping:
        counts = admin.partitions()
        while topic not in counts and follow and not stopping():
            time.sleep(_LOOK_FOR_TOPIC_S)
            counts = admin.partitions()
        if topic in counts:
            here = {topic: counts[topic]}
            end = admin.offsets(here, end=True)
            begin = end if since_ms is None else admin.offsets_since(here, since_ms)
            reader = TailReader(settings, begin)
            try:
                there = chosen.of(until_now(reader, topic, end[topic], stopping))
                for one in there if limit is None else deque(there, maxlen=limit):
                    printer.show(*one)
                if follow:
                    for one in chosen.of(from_now_on(reader, stopping)):
                        printer.show(*one)
            finally:
                reader.close()
    _conclude(printer, chosen, topic)


def _since_ms(since: str, now_ms: int) -> int | None:
    """Broker time to begin at; None for the end.

    Raises:
        ConfigError: it is none of the four forms.
    """
    if since in ("beginning", "end"):
        return 0 if since == "beginning" else None
    try:
        return now_ms - duration_ms(since, "--from")
    except ConfigError:
        pass
    try:
        return moment_ms(since, "--from")
    except ConfigError:
        raise ConfigError(
            f"--from {since!r} is not understood: write beginning, end, 2026-01-31T12:00Z or 2h"
        ) from None


class _Printer:
    """Lines on standard output, for people or as JSON."""

    def __init__(self, as_json: bool) -> None:
        self.shown = 0
        self._as_json = as_json

    def show(self, alert: Alert, value: bytes) -> None:
        self.shown += 1
        if self._as_json:
            line = value if b"\n" not in value else msgspec.json.encode(msgspec.json.decode(value))
            typer.echo(line)
            return
        if self.shown == 1:
            typer.echo(typer.style(_HEADER, bold=True))
        typer.echo(alert_line(alert))


def alert_line(alert: Alert) -> str:
    """One alert as one line of a table; control characters do not reach the terminal."""
    time_text = alert.event_time[:19].replace("T", " ")
    decimals = 2 if round(alert.amount, 2) == alert.amount else 4
    why = alert.reasons[0].text if alert.reasons else ", ".join(rule.name for rule in alert.rules)
    who = alert.user_id or "-"
    severity = typer.style(f"{alert.severity:8}", fg=_COLOURS[alert.severity])
    return (
        f"{_CONTROL.sub('?', time_text):19}  {severity}  {alert.decision:8}  {alert.score:.3f}  "
        f"{alert.amount:>12,.{decimals}f}  {_CONTROL.sub('?', alert.country or '-'):7}  "
        f"{_CONTROL.sub('?', who):20}  {_CONTROL.sub('?', why)}"
    )


def _conclude(printer: _Printer, chosen: AlertFilter, topic: str) -> None:
    if printer.shown == 0:
        say(f"no alerts of profile {chosen.profile} in topic {topic}")
        if chosen.other_profiles:
            say(f"{chosen.other_profiles:,} alerts of other profiles there: choose with --profile")
    elif sys.stdout.isatty():
        say(f"{printer.shown:,} alerts")
    if chosen.unreadable:
        say(f"{chosen.unreadable:,} messages in topic {topic} are not alerts and were left out")
