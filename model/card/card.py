"""The model card in Markdown: what a version is, can and cannot do.

Follows the outline of Mitchell et al., Model Cards for Model Reporting (2019); the same card as a
page that prints well is ``model.card.html``.
"""

from __future__ import annotations

from model.card.blocks import Block, Items, Picture, Table
from model.card.sections import card_of
from model.metadata import Metadata
from model.results import Evaluation


def model_card(metadata: Metadata, evaluation: Evaluation) -> str:
    """The card in Markdown; its plots are files beside it."""
    card = card_of(metadata, evaluation)
    lines = [f"# {card.title}", "", card.lead, ""]
    for section in card.sections:
        lines += [f"## {section.title}", ""]
        for block in section.blocks:
            lines += [*_lines(block), ""]
    return "\n".join(lines[:-1]) + "\n"


def _lines(block: Block) -> list[str]:
    if isinstance(block, Table):
        title = [f"**{_literal(block.title)}**", ""] if block.title else []
        return [*title, *_table(block)]
    if isinstance(block, Items):
        return [f"- {_literal(item)}" for item in block.items]
    if isinstance(block, Picture):
        return [f"![{block.title}]({block.file})", "", f"*{block.title}.* {block.reading}"]
    return [_literal(block.text)]


def _table(table: Table) -> list[str]:
    sides = [" --- ", *([" ---: " if table.figures else " --- "] * (len(table.head) - 1))]
    rows = [
        tuple(f"**{cell}**" if cell else "" for cell in row) if number in table.marked else row
        for number, row in enumerate(table.rows)
    ]
    return [_row(table.head), "|" + "|".join(sides) + "|", *(_row(row) for row in rows)]


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(_literal(cell).replace("|", "\\|") for cell in cells) + " |"


def _literal(text: str) -> str:
    """Without what Markdown would take for HTML."""
    return text.replace("<", "&lt;")
