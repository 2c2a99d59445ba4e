"""``fraudstream replay``: a historical CSV as a stream of events.

1. Options are checked, the broker is asked for, the CSV is read.
2. The plan is made and, on ``--resume``, compared with the checkpoint of the interrupted replay.
3. Missing topics are made; the plan is sent, with progress on standard error.
4. What happened goes to standard output; after an interruption, how to go on to standard error.
"""

from __future__ import annotations

import json
import secrets
import shlex
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from cli.replay_view import ReplayView, say
from cli.stopping import stop_on_signals
from core.errors import BrokerError, ConfigError
from core.kafka_admin import KafkaAdmin, ensure_topics
from core.names import PARTITIONS, Topics
from core.settings import Settings, load_settings
from features.csv_source import CsvData, read_transactions
from producer.checkpoint import Checkpoint, checkpoint_path, read_checkpoint, sole_replay
from producer.encode import iso_time
from producer.options import duration_ms, moment_ms, speed_factor, zone_named
from producer.pacing import ByRate, BySpeed, Pace, Unpaced
from producer.plan import Plan, make_plan
from producer.replay import End, Job, Progress
from producer.replay import replay as send
from producer.shift import shift_to_now

_HELP = """Send a historical CSV to Kafka as a stream of events, in (event time, event id) order.

Without --rate or --speed it goes as fast as it can. Missing topics are created.

Examples:

    fraudstream replay Fraud_Data.csv --rate 500

    fraudstream replay creditcard.csv.gz --profile banking --speed 3600x --labels-after 30d
"""


def replay(
    csv: Annotated[
        Path, typer.Argument(help="Transactions, also gzipped.", exists=True, dir_okay=False)
    ],
    profile: Annotated[
        str | None, typer.Option(help="ecommerce or banking.", show_default="FRAUDSTREAM_PROFILE")
    ] = None,
    rate: Annotated[
        float | None, typer.Option(help="Events per second.", min=0.001, show_default="unpaced")
    ] = None,
    speed: Annotated[
        str | None, typer.Option(help="Pace of event time, such as 1x or 3600x.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="At most so many events, over all laps.", min=1)
    ] = None,
    start: Annotated[
        str | None, typer.Option(help="Only events at or after this time (ISO 8601).")
    ] = None,
    end: Annotated[str | None, typer.Option(help="Only events before this time.")] = None,
    loop: Annotated[
        bool,
        typer.Option(
            "--loop",
            help="Begin again at the end: lap n is moved by n times the span, ids get -l{n}. "
            "Ends when a lap would reach the future.",
        ),
    ] = False,
    shift_to: Annotated[
        str | None,
        typer.Option(
            help="'now': move all times so that no event is later than the moment it is sent: "
            "at --speed 1x each happens as it is sent, faster the newest lands at the present.",
        ),
    ] = None,
    labels_after: Annotated[
        str | None,
        typer.Option(
            help="Also send each event's label, so much later in event time: 30d, 12h. "
            "Labels not due before the last event follow it.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an interrupted replay stopped.")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Replay into a new namespace, and say which.")
    ] = False,
    namespace: Annotated[
        str | None,
        typer.Option(help="Prefix of topics and state.", show_default="FRAUDSTREAM_NAMESPACE"),
    ] = None,
    partitions: Annotated[
        int, typer.Option(help="Partitions of topics that are created.", min=1)
    ] = PARTITIONS,
    tz: Annotated[str, typer.Option(help="Zone of times without one, such as Asia/Tokyo.")] = "UTC",
    date_order: Annotated[
        str | None, typer.Option(help="mdy, dmy or ymd, where a file leaves it open.")
    ] = None,
    rejects: Annotated[
        Path | None, typer.Option(help="Write rejected lines here, with their reasons.")
    ] = None,
    give_up_after: Annotated[
        str, typer.Option(help="How long an unreachable broker is waited for.")
    ] = "2m",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    # The docstring is set below: it is what --help shows.
    pace = _pace(rate, speed)
    zone = zone_named(tz)
    start_ms = None if start is None else moment_ms(start, "--start", zone)
    end_ms = None if end is None else moment_ms(end, "--end", zone)
    delay_ms = None if labels_after is None else duration_ms(labels_after, "--labels-after")
    patience_s = duration_ms(give_up_after, "--give-up-after") / 1000
    if shift_to not in (None, "now"):
        raise ConfigError(f"--shift-to {shift_to!r} is unknown: write --shift-to now")
    if fresh and (resume or namespace is not None):
        raise ConfigError("--fresh makes a namespace of its own: leave --resume and --namespace out")
    if fresh:
        namespace = f"replay-{secrets.token_hex(4)}"
    settings = load_settings(profile=profile, namespace=namespace)
    KafkaAdmin(settings).partitions()  # before the file is read, which may take a while

    data = read_transactions(csv, settings.profile, tz=tz, date_order=date_order, rejects=rejects)
    plan = make_plan(
        data.batch,
        data.label,
        start_ms=start_ms,
        end_ms=end_ms,
        limit=limit,
        loop=loop,
        label_delay_ms=delay_ms,
    )
    shape = _shape(start, end, limit, loop, shift_to, labels_after, tz, date_order)
    path = checkpoint_path(csv, settings.profile, settings.namespace)
    with sole_replay(path):
        checkpoint = _checkpoint(path, plan, shape, resume=resume)
        if checkpoint is None:
            shift_ms = 0 if shift_to is None else shift_to_now(plan, pace, _now_ms())
            checkpoint = Checkpoint(plan.fingerprint(), shape, {}, {}, shift_ms)
        job = Job(
            settings, plan.shifted(checkpoint.shift_ms), pace, path, checkpoint, patience_s
        )
        if fresh:
            _introduce(settings)
        _make_topics(job, partitions)
        hint = _how_to_go_on(csv, settings, shape, rate, speed)
        progress = _send(job, hint)
    _report(job, data, progress, as_json=as_json)
    _conclude(job, progress, hint)


replay.__doc__ = _HELP
