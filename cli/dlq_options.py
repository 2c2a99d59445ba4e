"""The options that the ``fraudstream dlq`` commands share, and what they mean."""

from __future__ import annotations

from typing import Annotated

import typer

from core.errors import ConfigError
from core.names import Topics
from core.settings import Settings
from producer.options import duration_ms, moment_ms
from stream.dead_letters import LetterFilter

Code = Annotated[str | None, typer.Option(help="Only with this code, such as future_time.")]
Field = Annotated[
    str | None, typer.Option(help="Only with this field at fault; '' is the message as a whole.")
]
Since = Annotated[
    str | None,
    typer.Option(help="Only set aside since: a time (2026-01-31T12:00Z) or an age (2h)."),
]
Until = Annotated[str | None, typer.Option(help="Only set aside before: likewise.")]
Profile = Annotated[
    str | None,
    typer.Option(
        help="Only what came from the input topic of ecommerce or banking.",
        show_default="FRAUDSTREAM_PROFILE",
    ),
]
AllProfiles = Annotated[bool, typer.Option("--all-profiles", help="Whatever topic they came from.")]
Namespace = Annotated[
    str | None, typer.Option(help="Prefix of the topics.", show_default="FRAUDSTREAM_NAMESPACE")
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def filter_of(
    settings: Settings,
    now_ms: int,
    *,
    code: str | None,
    field: str | None,
    since: str | None,
    until: str | None,
    all_profiles: bool,
) -> LetterFilter:
    """The filter that the options describe.

    Raises:
        ConfigError: a time is none.
    """
    source = Topics(settings.namespace).transactions(settings.profile).name
    return LetterFilter(
        source_topic=None if all_profiles else source,
        code=code,
        field=field,
        since_ms=_moment(since, "--since", now_ms),
        until_ms=_moment(until, "--until", now_ms),
    )


def refuse_both(profile: str | None, all_profiles: bool) -> None:
    """Raise ``ConfigError`` where one profile and all of them are asked for."""
    if profile is not None and all_profiles:
        raise ConfigError(
            f"--profile {profile} and --all-profiles exclude each other: leave one out"
        )


def _moment(text: str | None, option: str, now_ms: int) -> int | None:
    if text is None:
        return None
    try:
        return now_ms - duration_ms(text, option)
    except ConfigError:
        pass
    try:
        return moment_ms(text, option)
    except ConfigError:
        raise ConfigError(
            f"{option} {text!r} is not understood: write 2026-01-31T12:00Z or 2h"
        ) from None
