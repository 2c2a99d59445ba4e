"""Components as plain lists, which assets/markup.js turns into nodes.

Dash asks every component on the page whenever anything changes, which with the hundreds of cells of
tables takes seconds. So the page's frame is made of Dash's components, and what callbacks put into
it of these lists. Texts stay texts: nothing in them is ever read as markup.
"""

from __future__ import annotations

from typing import Any

from dash.development.base_component import Component

#: Dash's names of attributes → HTML's.
_NAMES = {"className": "class", "tabIndex": "tabindex", "dateTime": "datetime"}

#: ``[tag, attributes, children]``, or a text.
Node = list[Any] | str


def plain(content: Any) -> list[Node]:
    """The nodes of a component, a text, or a list of both."""
    if content is None:
        return []
    if isinstance(content, list | tuple):
        return [node for one in content for node in plain(one)]
    if not isinstance(content, Component):
        return [str(content)]
    made = content.to_plotly_json()  # type: ignore[no-untyped-call]
    props = dict(made["props"])
    children = plain(props.pop("children", None))
    attributes = {_NAMES.get(name, name): value for name, value in props.items()}
    return [[str(made["type"]).lower(), attributes, children]]
