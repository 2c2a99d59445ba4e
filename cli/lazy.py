"""Commands that are imported when somebody asks for them.

All of them together import most of the libraries that there are: a second that ``fraudstream models
list`` has no use for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command


class _Commands(Mapping[str, Any]):
    """Click commands by name, in the order of ``places``."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            module, _, attribute = self._places[name].partition(":")
            self._made[name] = _command(name, getattr(import_module(module), attribute))
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def lazy_group(help_: str, places: Mapping[str, str], **options: Any) -> typer.Typer:
    """A group of commands.

    Args:
        help_: says what they are for.
        places: name of each command → ``module:attribute``, a function or a ``typer.Typer``.
        options: of ``typer.Typer``.
    """

    class Group(TyperGroup):
        def __init__(self, **attributes: Any) -> None:
            super().__init__(**attributes)
            # Nobody adds to them.
            self.commands = _Commands(places)  # type: ignore[assignment]

    app = typer.Typer(cls=Group, help=help_, no_args_is_help=True, rich_markup_mode=None, **options)
    app.callback()(_nothing)
    return app


def _nothing() -> None:
    """Typer takes an app for a group if something runs before its commands."""


def _command(name: str, found: Any) -> Any:
    if isinstance(found, typer.Typer):
        found.rich_markup_mode = None
        found._add_completion = False
        command = get_command(found)
        command.name = name
        return command
    alone = typer.Typer(rich_markup_mode=None, add_completion=False)
    alone.command(name)(found)
    return get_command(alone)
