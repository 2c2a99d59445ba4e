"""``fraudstream forget``: take a person's past out of state and views."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from cli.csv_options import AsJson
from cli.stream_options import Namespace, StreamProfile
from core.settings import load_settings
from features.iso_times import iso_time


def forget(
    *,
    user: Annotated[str, typer.Option(help="Whom: a user_id, or a card_id in banking.")],
    profile: StreamProfile = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
) -> None:
    """Delete a person's velocity state and what the views know of them.

    Their events stay counted, as nobody's. Topics keep messages until their retention ends: what
    remains there, and until when, is said. Nothing of it comes back when the read model is made
    anew; what the person does from now on is theirs again.

    Example:

        fraudstream forget --user 22058
    """
    from views.readmodel.forget import forget as forget_user

    settings = load_settings(profile=profile, namespace=namespace)
    done = forget_user(settings, settings.profile, user)
    if as_json:
        remains = [
            {
                "where": one.where,
                "what": one.what,
                "until": None if one.until_ms is None else iso_time(one.until_ms),
            }
            for one in done.remains
        ]
        typer.echo(json.dumps({**asdict(done), "remains": remains}))
        return
    typer.echo(f"velocity state: {done.state} of 1 log deleted")
    typer.echo(
        f"views: {done.records:,} events are nobody's now, {done.alerts:,} alerts and "
        f"{done.cases:,} cases deleted"
    )
    for one in done.remains:
        typer.echo(f"remains in {one}")
