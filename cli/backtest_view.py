"""A backtest in a terminal: the same figures as the report, in short."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from model.backtest.backtest import Backtest
from model.backtest.report import card_of
from model.card.blocks import Table as Block

#: Sections of the report that fit into a terminal.
_SHOWN = ("What would have happened", "Figures", "Where they differ", "Rules and lists", "Examples")


def show_backtest(found: Backtest, source: str, console: Console) -> None:
    """Its tables, one below the other.

    Args:
        found: the backtest.
        source: where the events come from.
        console: where they are printed.
    """
    card = card_of(found, source)
    console.print(card.lead, markup=False, soft_wrap=True)
    for section in card.sections:
        if section.title in _SHOWN:
            for block in section.blocks:
                if isinstance(block, Block):
                    console.print()
                    console.print(_table(section.title, block))


def _table(heading: str, block: Block) -> Table:
    table = Table(title=escape(block.title or heading), title_justify="left")
    for place, head in enumerate(block.head):
        figures = bool(block.figures and place)
        table.add_column(escape(head), justify="right" if figures else "left", no_wrap=figures)
    for number, row in enumerate(block.rows):
        style = "bold" if number in block.marked else ""
        table.add_row(*(_cell(block, cell) for cell in row), style=style)
    return table


def _cell(block: Block, text: str) -> str:
    """Without the marks of code; an interval stands below its figure."""
    plain = text.replace("`", "")
    return escape(plain.replace(" (", "\n(") if block.figures else plain)
