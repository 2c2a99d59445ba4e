"""Attributes of HTML whose names are no names of Python."""

from __future__ import annotations

from typing import Any

import orjson


def attributes(**named: str) -> dict[str, Any]:
    """``aria_label="…"`` as the attribute ``aria-label``."""
    return {name.replace("_", "-"): value for name, value in named.items()}


def sets(**choices: str) -> dict[str, Any]:
    """Attributes of something that changes the address when it is clicked.

    Args:
        choices: parameter → its value; "" takes the parameter away.
    """
    return attributes(data_set=orjson.dumps(choices, option=orjson.OPT_SORT_KEYS).decode())


#: Of what only decorates.
HIDDEN = attributes(aria_hidden="true")
