"""Options of the commands that work on a profile's stream, each with a setting behind it."""

from __future__ import annotations

from typing import Annotated

import typer

StreamProfile = Annotated[
    str | None, typer.Option(help="ecommerce or banking.", show_default="FRAUDSTREAM_PROFILE")
]
Namespace = Annotated[
    str | None,
    typer.Option(help="Prefix of topics and state.", show_default="FRAUDSTREAM_NAMESPACE"),
]
