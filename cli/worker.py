"""``fraudstream worker``: score the stream until told to stop."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.stream_options import Namespace, StreamProfile
from core.libraries import TRAINING, leave_out
from core.settings import load_settings


def worker(
    profile: StreamProfile = None,
    namespace: Namespace = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(help="Port of /metrics; 0 = a free one.", show_default="6066"),
    ] = None,
) -> None:
    """Read transactions, keep velocity state, score, publish scores and alerts; Ctrl-C stops it.

    Several workers of one profile share the partitions.

    Example:

        fraudstream worker --profile banking --metrics-port 0
    """
    leave_out(TRAINING)
    from stream.worker import run_worker

    settings = load_settings(profile=profile, namespace=namespace, metrics_port=metrics_port)
    raise typer.Exit(run_worker(settings))
