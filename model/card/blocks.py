"""What a model card is made of, before it is written as Markdown or HTML.

Text may hold ``code`` between backticks; everything else in it is meant literally.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias


@dataclass(frozen=True, slots=True)
class Text:
    """One paragraph."""

    text: str
    kind: ClassVar[str] = "text"


@dataclass(frozen=True, slots=True)
class Items:
    """A list of short statements."""

    items: tuple[str, ...]
    kind: ClassVar[str] = "items"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a head; every row has as many cells.

    Attributes:
        title: what the table is, or "".
        head: names of the columns; all empty: there is nothing to name.
        rows: the cells.
        figures: whether all columns but the first hold figures, which stand on the right.
        marked: numbers of the rows that matter most.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    figures: bool = False
    marked: frozenset[int] = frozenset()
    kind: ClassVar[str] = "table"


@dataclass(frozen=True, slots=True)
class Picture:
    """One of the version's plots.

    Attributes:
        file: its name in the version's folder.
        title: what is seen.
        reading: how to read it.
        wide: whether it takes the whole width of a page.
    """

    file: str
    title: str
    reading: str
    wide: bool = False
    kind: ClassVar[str] = "picture"


Block: TypeAlias = Text | Items | Table | Picture


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """A whole card: what it is of, in a sentence, and its sections."""

    title: str
    lead: str
    sections: tuple[Section, ...]
