"""A card as one page of HTML: nothing to load beside it, no scripts, made to be printed."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from model.card.blocks import Card
from model.card.sections import card_of
from model.metadata import Metadata
from model.results import Evaluation

_TEMPLATE = "card.html.jinja"


def card_html(metadata: Metadata, evaluation: Evaluation, plots: Mapping[str, bytes]) -> str:
    """A model's card with its pictures inside; what it shows is that of ``model.card.card``.

    Args:
        metadata: of the version.
        evaluation: of the version.
        plots: file name → PNG, as ``model.plots.plots.plots_of`` gives them.
    """
    footer = (
        f"Model card of {metadata.created_at[:10]}, after Mitchell et al., Model Cards for Model "
        "Reporting (2019)."
    )
    return page_of(card_of(metadata, evaluation), plots, footer)


def page_of(card: Card, plots: Mapping[str, bytes], footer: str) -> str:
    """Any card with its pictures inside.

    Args:
        card: what is shown.
        plots: file name → PNG of every picture of the card.
        footer: the last line.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template(_TEMPLATE)
    pictures = {
        name: "data:image/png;base64," + base64.b64encode(png).decode()
        for name, png in plots.items()
    }
    return template.render(card=card, pictures=pictures, footer=footer)
