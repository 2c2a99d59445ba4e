"""Options of all commands that read a historical CSV, and what they need to do so."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from core.errors import ConfigError

Profile = Annotated[
    str | None, typer.Option(help="ecommerce or banking.", show_default="what the header says")
]
Tz = Annotated[str, typer.Option(help="Zone of times without one, such as Asia/Tokyo.")]
DateOrder = Annotated[str, typer.Option(help="mdy, dmy or ymd, where a file leaves it open.")]
Rejects = Annotated[
    Path | None,
    typer.Option(help="Write rejected lines here.", show_default="NAME.rejects.csv, here"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def require_packages(names: Sequence[str], what: str, extra: str = "train") -> None:
    """One clear line where packages of an extra are missing.

    Args:
        names: of their modules.
        what: needs them.
        extra: that brings them.

    Raises:
        ConfigError: one is missing.
    """
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"{what} needs packages that are not installed ({', '.join(missing)}): "
            f"pip install 'fraudstream[{extra}]'"
        )
