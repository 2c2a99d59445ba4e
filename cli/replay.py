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

from cli.csv_findings import tell_findings
from cli.replay_view import ReplayView, say
from cli.stopping import stop_on_signals
from cli.stream_options import Namespace, StreamProfile
from core.errors import BrokerError, CheckpointError, ConfigError
from core.kafka_admin import KafkaAdmin, ensure_topics
from core.names import PARTITIONS, Topics
from core.settings import Settings, load_settings
from features.csv_source import CsvData, read_transactions
from features.iso_times import iso_time
from features.zones import zone_named
from producer.checkpoint import Checkpoint, checkpoint_path, read_checkpoint, sole_replay
from producer.options import duration_ms, moment_ms, speed_factor
from producer.pacing import ByRate, BySpeed, Pace, Unpaced
from producer.plan import Plan, make_plan
from producer.replay import End, Job, Progress
from producer.replay import replay as send
from producer.shift import shift_to_now


def replay(
    csv: Annotated[
        Path, typer.Argument(help="Transactions, also gzipped.", exists=True, dir_okay=False)
    ],
    *,
    profile: StreamProfile = None,
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
    namespace: Namespace = None,
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
    """Send a historical CSV to Kafka as a stream of events, in (event time, event id) order.

    Without --rate or --speed it goes as fast as it can. Missing topics are created.

    Examples:

        fraudstream replay Fraud_Data.csv --rate 500

        fraudstream replay creditcard.csv.gz --profile banking --speed 3600x --labels-after 30d
    """
    pace = _pace(rate, speed)
    zone = zone_named(tz)
    start_ms = None if start is None else moment_ms(start, "--start", zone)
    end_ms = None if end is None else moment_ms(end, "--end", zone)
    delay_ms = None if labels_after is None else duration_ms(labels_after, "--labels-after")
    patience_s = duration_ms(give_up_after, "--give-up-after") / 1000
    if shift_to not in (None, "now"):
        raise ConfigError(f"--shift-to {shift_to!r} is unknown: write --shift-to now")
    if fresh and (resume or namespace is not None):
        raise ConfigError(
            "--fresh makes a namespace of its own: leave --resume and --namespace out"
        )
    if fresh:
        namespace = f"replay-{secrets.token_hex(4)}"
    settings = load_settings(profile=profile, namespace=namespace)
    KafkaAdmin(settings).partitions()  # before the file is read, which may take a while

    data = read_transactions(csv, settings.profile, tz=tz, date_order=date_order, rejects=rejects)
    tell_findings(data.report, say)
    plan = make_plan(
        data.batch,
        data.label,
        start_ms=start_ms,
        end_ms=end_ms,
        limit=limit,
        loop=loop,
        label_delay_ms=delay_ms,
    )
    shape = _given(
        ("--start", start),
        ("--end", end),
        ("--limit", limit),
        ("--loop", loop),
        ("--shift-to", shift_to),
        ("--labels-after", labels_after),
        ("--tz", None if tz == "UTC" else tz),
        ("--date-order", date_order),
    )
    path = checkpoint_path(csv, settings.profile, settings.namespace)
    with sole_replay(path):
        checkpoint = _interrupted(path, plan, shape) if resume else None
        if checkpoint is None:
            shift_ms = 0 if shift_to is None else shift_to_now(plan, pace, _now_ms())
            checkpoint = Checkpoint(plan.fingerprint(), shape, {}, {}, shift_ms)
        plan = plan.shifted(checkpoint.shift_ms)
        job = Job(settings, plan, pace, path, checkpoint, patience_s)
        _make_topics(job, partitions)
        if fresh:
            say(
                f"namespace {settings.namespace}: "
                f"FRAUDSTREAM_NAMESPACE={settings.namespace} fraudstream worker"
            )
        go_on = _command(csv, settings, shape, _given(("--rate", rate), ("--speed", speed)))
        progress = _send(job, go_on)
    _report(job, data, progress, as_json=as_json)
    _conclude(job, progress, go_on)


def _pace(rate: float | None, speed: str | None) -> Pace:
    if rate is not None and speed is not None:
        raise ConfigError("--rate and --speed exclude each other: leave one out")
    if rate is not None:
        return ByRate(rate)
    return Unpaced() if speed is None else BySpeed(speed_factor(speed))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _given(*options: tuple[str, str | int | float | None]) -> str:
    """The options that were given, as the user would type them."""
    words: list[str] = []
    for name, value in options:
        if value is True:
            words.append(name)
        elif value is not None and value is not False:
            words += [name, f"{value:g}" if isinstance(value, float) else str(value)]
    return shlex.join(words)


def _command(csv: Path, settings: Settings, *options: str) -> str:
    """How to take the same replay up again."""
    words = ["fraudstream", "replay", shlex.quote(str(csv)), "--profile", settings.profile]
    words += ["--namespace", settings.namespace, *filter(None, options), "--resume"]
    return " ".join(words)


def _interrupted(path: Path, plan: Plan, shape: str) -> Checkpoint | None:
    """The checkpoint to go on from; None where there is none yet.

    Raises:
        ConfigError: it belongs to another sequence of events.
    """
    found = read_checkpoint(path)
    if found is None:
        say("nothing to resume: starting from the beginning")
        return None
    if found.plan != plan.fingerprint() or found.options != shape:
        raise ConfigError(
            "--resume wants the options and the file of the interrupted replay, which had "
            f"{found.options or 'none of the options that choose events'}: repeat them, "
            "or leave --resume out to start from the beginning"
        )
    return found


def _make_topics(job: Job, partitions: int) -> None:
    topics = Topics(job.settings.namespace)
    wanted = [topics.transactions(job.settings.profile), topics.labels]
    names = job.topics()
    ensure_topics(job.settings, [topic for topic in wanted if topic.name in names], partitions)


def _send(job: Job, go_on: str) -> Progress:
    with stop_on_signals() as stopping, ReplayView(job.plan.events) as view:
        try:
            return send(job, view, stopping)
        except (BrokerError, CheckpointError) as error:
            raise type(error)(f"{error}; go on with: {go_on}") from None


def _report(job: Job, data: CsvData, progress: Progress, *, as_json: bool) -> None:
    """The result, on standard output."""
    rate = progress.sent / progress.seconds if progress.seconds else 0.0
    result: dict[str, Any] = {
        "topic": job.topics()[0],
        "namespace": job.settings.namespace,
        "profile": job.settings.profile,
        "end": progress.end.value,
        "events": progress.events,
        "events_sent": progress.sent,
        "labels_sent": progress.labels,
        "already_there": progress.already_there,
        "rejected_lines": data.report.rejected,
        "failed": progress.failed,
        "seconds": round(progress.seconds, 3),
        "events_per_second": round(rate, 1),
        "reached": None if progress.last_ms is None else iso_time(progress.last_ms),
    }
    if as_json:
        failures = [
            {"event_id": failure.event_id, "topic": failure.topic, "reason": failure.reason}
            for failure in progress.failures
        ]
        typer.echo(json.dumps({**result, "failures": failures}))
        return
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in result.items():
        shown = f"{value:,}" if isinstance(value, (int, float)) else str(value)
        table.add_row(name.replace("_", " "), shown)
    Console(soft_wrap=True).print(table)


def _conclude(job: Job, progress: Progress, go_on: str) -> None:
    """What the user should know beyond the figures, and the exit code."""
    for failure in progress.failures:
        say(f"not delivered to {failure.topic}: {failure.event_id}: {failure.reason}")
    if progress.failed:
        say(f"{progress.failed:,} records were refused; to try them again: {go_on}")
        raise typer.Exit(1)
    if progress.end is End.FUTURE:
        say("stopped: the next events would lie in the future; --speed 1x --shift-to now goes on")
    if progress.end is End.STOPPED:
        total = "" if job.plan.events is None else f" of {job.plan.events:,}"
        doubt = "" if progress.confirmed else ", not all of them acknowledged yet"
        say(f"stopped after {progress.events:,}{total} events{doubt}; go on with: {go_on}")
        # Laps without end have no other way to end.
        raise typer.Exit(0 if job.plan.events is None and progress.confirmed else 1)
