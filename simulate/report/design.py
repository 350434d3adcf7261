"""What closed forms say about a design: one table as text, and the same as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from simulate.report.tables import Column, print_columns, say

if TYPE_CHECKING:
    from rich.console import Console

FORMAT = "simulate-design"
FORMAT_VERSION = 1


class Figure(NamedTuple):
    """A row of figures.

    Attributes
    ----------
    key, label : str
        Its name in JSON, and in the table.
    values : tuple of float or None
        One for each column; none where there is no such figure. Whole numbers are `int`.
    digits : int or tuple of int
        Decimals in the table, of all columns or of each.
    """

    key: str
    label: str
    values: tuple[float | None, ...]
    digits: int | tuple[int, ...]


class Answer(NamedTuple):
    """What a verb of ``simulate design`` has found.

    Attributes
    ----------
    verb : str
        Which one.
    method : str
        The method by which, in words.
    columns : dict of str to str
        Headings by their names in JSON.
    figures : sequence of Figure
        Rows.
    notes : sequence of str
        What to know, a line each.
    """

    verb: str
    method: str
    columns: Mapping[str, str]
    figures: Sequence[Figure]
    notes: Sequence[str] = ()

    def to_json(self, inputs: Mapping[str, object]) -> dict[str, object]:
        """Plain data: ``figures`` holds an object a row, with a value a column."""
        return {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "verb": self.verb,
            "method": self.method,
            "inputs": dict(inputs),
            "figures": {
                figure.key: dict(zip(self.columns, figure.values, strict=True))
                for figure in self.figures
            },
            "notes": list(self.notes),
        }


def print_answer(answer: Answer, options: Sequence[str], console: Console) -> None:
    """Print the method, the options with their defaults, the table and the notes."""
    say(console, answer.method, "bold")
    say(console, " ".join(options))
    say(console)
    columns = [
        Column(heading, [_cell(figure, k) for figure in answer.figures])
        for k, heading in enumerate(answer.columns.values())
    ]
    print_columns(console, [figure.label for figure in answer.figures], columns)
    for note in answer.notes:
        say(console, note)


def whole(value: float) -> float:
    """Return what is whole but for rounding as a whole number."""
    return round(value) if abs(value - round(value)) < 1e-6 else value


def _cell(figure: Figure, column: int) -> str:
    """Write a figure; nothing where there is none."""
    value = figure.values[column]
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{value:,}"
    digits = figure.digits if isinstance(figure.digits, int) else figure.digits[column]
    return f"{value:,.{digits}f}"
