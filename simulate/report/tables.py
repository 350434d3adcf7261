"""Tables of text that fit the terminal's width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

GAP = 2


class Column(NamedTuple):
    """A column of figures: its heading and a cell a row."""

    heading: str
    cells: list[str]


def say(console: Console, line: str = "", style: str = "") -> None:
    """Print a line as it is: users' words are no markup, and a terminal folds what is too long."""
    from rich.text import Text  # noqa: PLC0415 - at start-up nothing needs it

    console.print(Text(line, style=style), soft_wrap=True)


def print_columns(console: Console, labels: Sequence[str], columns: Sequence[Column]) -> None:
    """Print rows of figures, in as many tables below each other as the width asks for."""
    print_rows(console, [Column("", list(labels))], columns)


def print_rows(
    console: Console,
    heads: Sequence[Column],
    columns: Sequence[Column],
    styles: Sequence[str] = (),
) -> None:
    """Print rows of figures behind columns that say what they are of.

    Parameters
    ----------
    console : Console
        Where to.
    heads, columns : sequence of Column
        The former are repeated in each of the tables below each other that the width asks for.
    styles : sequence of str, optional
        Style of each row.
    """
    head_width = sum(_width([head.heading, *head.cells]) for head in heads)
    head_width += GAP * (len(heads) - 1)
    for number, part in enumerate(_parts(columns, console.width - head_width)):
        if number > 0:
            say(console)
        table = new_table()
        for head in heads:
            table.add_column(plain(head.heading), overflow="fold")
        for column in part:
            table.add_column(plain(column.heading), justify="right", no_wrap=True)
        for row in range(len(heads[0].cells)):
            cells = [column.cells[row] for column in part]
            if any(cells):
                named = [head.cells[row] for head in heads]
                style = styles[row] if styles else ""
                table.add_row(*map(plain, (*named, *cells)), style=style)
        console.print(table)


def new_table() -> Table:
    """Open a table with a line under its headings."""
    from rich import box  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    return Table(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True, padding=(0, 1)
    )


def plain(words: str) -> Text:
    """Users' words for a table: brackets and colons in them are no markup."""
    from rich.text import Text  # noqa: PLC0415

    return Text(words)


def _width(words: Sequence[str]) -> int:
    """Width of the widest of several words on a terminal."""
    from rich.cells import cell_len  # noqa: PLC0415

    return max(map(cell_len, words), default=0)


def _parts(columns: Sequence[Column], width: int) -> Iterator[list[Column]]:
    """Cut columns into runs that are no wider than ``width``; a run has one column at least."""
    part: list[Column] = []
    used = 0
    for column in columns:
        needed = GAP + _width([column.heading, *column.cells])
        if part and used + needed > width:
            yield part
            part, used = [], 0
        part.append(column)
        used += needed
    yield part
