"""What closed forms say about a design: one table as text, and the same as JSON."""

from __future__ import annotations

import math
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
    digits : int
        Decimals in the table.
    """

    key: str
    label: str
    values: tuple[float | None, ...]
    digits: int


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


def print_answer(answer: Answer, inputs: Mapping[str, object], console: Console) -> None:
    """Print the method, the options with their defaults, the table and the notes."""
    say(console, answer.method, "bold")
    say(console, " ".join(f"{option_of(name)} {_given(value)}" for name, value in inputs.items()))
    say(console)
    columns = [
        Column(heading, [_cell(figure.values[k], figure.digits) for figure in answer.figures])
        for k, heading in enumerate(answer.columns.values())
    ]
    print_columns(console, [figure.label for figure in answer.figures], columns)
    for note in answer.notes:
        say(console, note)


def option_of(name: str) -> str:
    """Name of an option by that of its parameter."""
    return "--" + name.replace("_", "-")


def _given(value: object) -> str:
    """Write a value as it is given on the command line."""
    if isinstance(value, tuple | list):
        return ",".join(map(_given, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _cell(value: float | None, digits: int) -> str:
    """Write a figure; nothing where there is none."""
    if value is None or not math.isfinite(value):
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.{digits}f}"
