"""A picture of a study: which of its assumptions moves the power most, alone."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from simulate.errors import Problem, ScenarioError
from simulate.report.contents import with_error
from simulate.report.figure import check_drawable
from simulate.report.pictures import check_path, picture
from simulate.report.study import POWER, grid_notes, rejection_text
from simulate.report.words import hypothesis_name
from simulate.results.estimates import CONFIDENCE_Z, Estimate
from simulate.scenario.study import Axis, Value, value_text
from simulate.studies.grid import Cell, Grid
from simulate.studies.measures import DIFFERENCE
from simulate.studies.result import CellResult, Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OPTION = "--tornado"
# Told apart in grey by their darkness.
BELOW_COLOR = "#1f5f8b"
ABOVE_COLOR = "#a9c6d9"
WIDTH = 8.6
BAR_ROOM = 0.62
TITLE_WIDTH = 100
NAME_WIDTH = 30
# What is left of the width beside the names of the axes, and what a letter takes at the size below.
PANEL_WIDTH = 5.9
LETTER = 0.062
FONT_SIZE = 7.5
# So that differences of no importance do not fill the picture.
LEAST_SPAN = 0.1


class _End(NamedTuple):
    """One end of a bar: a cell, its power, and how that differs from the reference's."""

    cell: Cell
    power: float
    difference: Estimate | None

    @property
    def half_width(self) -> float:
        """Half of the 95% Monte Carlo interval of the difference; the reference has none."""
        return 0.0 if self.difference is None else CONFIDENCE_Z * self.difference.mcse


class _Bar(NamedTuple):
    """An axis, and the cells with the lowest and the highest power along it."""

    axis: str
    low: _End
    high: _End

    @property
    def width(self) -> float:
        """By how much the power moves."""
        return self.high.power - self.low.power

    @property
    def reach(self) -> tuple[float, float]:
        """From where to where it goes, whiskers included."""
        ends = (self.low, self.high)
        return (
            min(end.power - end.half_width for end in ends),
            max(end.power + end.half_width for end in ends),
        )


def check(grid: Grid, path: str) -> None:
    """Refuse a tornado that could not be drawn, before anything is simulated.

    Raises
    ------
    ScenarioError
        If the file cannot be one, the study has no reference cell, that cell has no hypothesis, or
        no cell differs from it in one axis alone.
    """
    check_path(path, OPTION)
    reference = grid.reference
    if reference is None:
        example = ", ".join(f"{n} = {_toml(a.levels[0])}" for n, a in grid.study.axes.items())
        rule = "required key is missing: a tornado shows differences from this cell"
        remedy = (
            f"add a cell by a value of each axis to [study], such as reference = {{ {example} }}"
        )
        raise ScenarioError([Problem("study.reference", rule, "", remedy, where=OPTION)])
    check_drawable(reference.scenario, OPTION)
    if not any(_alone(grid, reference, name) for name in grid.study.axes):
        rule = "needs cells that differ from the reference in one axis alone, and there are none"
        remedy = f"give an axis more values, or skip less: the reference is {reference.name}"
        raise ScenarioError([Problem("study.axes", rule, "", remedy, where=OPTION)])


def draw_tornado(found: Study, path: str) -> None:
    """Draw how far each axis alone moves the power into a PNG, SVG or PDF file.

    A panel a hypothesis. A bar an axis, the widest on top: from the lowest to the highest rejection
    probability of the reference and of the cells that differ from it in this axis alone. At its
    ends the values, with the 95% Monte Carlo intervals of the paired differences.

    Parameters
    ----------
    found : Study
        A study that `check` lets pass.
    path : str
        The file; equal studies give equal files.

    Raises
    ------
    SimulateError
        If the file cannot be written.
    """
    reference = found.cell(**_reference(found.grid).values)
    names = list(reference.scenario.hypotheses)
    height = 1.0 + len(names) * (0.9 + BAR_ROOM * len(found.grid.study.axes))
    with picture(path, WIDTH, height) as figure:
        panels = figure.subplots(len(names), 1, squeeze=False)[:, 0]
        for name, axes in zip(names, panels, strict=True):
            _draw_panel(found, reference, name, axes)
        above = [found.grid.scenario.title, *grid_notes(found.grid)]
        lines = [textwrap.fill(line, TITLE_WIDTH) for line in above]
        figure.suptitle("\n".join(lines), fontsize=10)
        trials = found.grid.scenario.simulation.trials
        figure.supxlabel(
            "whiskers: 95% Monte Carlo intervals of the differences from the reference, whose "
            f"errors are in brackets: {trials:,} trials a cell, of the same patients",
            fontsize=7,
        )


def _reference(grid: Grid) -> Cell:
    reference = grid.reference
    if reference is None:
        raise ValueError("the study has no reference cell")
    return reference


def _toml(value: Value) -> str:
    """A value as one writes it in a scenario file."""
    return f'"{value}"' if isinstance(value, str) else value_text(value)


def _alone(grid: Grid, reference: Cell, axis: str) -> list[Cell]:
    """Cells that differ from the reference in one axis alone."""

    def differs(cell: Cell) -> list[str]:
        there = reference.values
        return [n for n, v in cell.values.items() if value_text(v) != value_text(there[n])]

    return [cell for cell in grid.cells if differs(cell) == [axis]]


def _bars(found: Study, reference: CellResult, hypothesis: str) -> list[_Bar]:
    """Bars of a hypothesis, the widest first; of equal ones the first axis."""
    results = {cell.cell.name: cell for cell in found.cells}
    bars = []
    for axis in found.grid.study.axes:
        ends = [_End(reference.cell, reference.power(hypothesis).value, None)]
        for cell in _alone(found.grid, reference.cell, axis):
            if hypothesis in cell.scenario.hypotheses:
                there = results[cell.name]
                difference = there.estimate(f"{POWER}{DIFFERENCE}", hypothesis)
                ends.append(_End(cell, there.power(hypothesis).value, difference))
        if len(ends) > 1:
            # Sorted and not least and greatest: of equal powers they are still two ends.
            ends.sort(key=lambda end: end.power)
            bars.append(_Bar(axis, ends[0], ends[-1]))
    return sorted(bars, key=lambda bar: -bar.width)


def _draw_panel(found: Study, reference: CellResult, hypothesis: str, axes: Axes) -> None:
    """Bars of a hypothesis about the power of the reference."""
    power = reference.power(hypothesis)
    panel = _Panel(found.grid.study.axes, reference.cell, hypothesis, power.value)
    bars = _bars(found, reference, hypothesis)
    for place, bar in enumerate(bars):
        _draw_bar(panel, bar, place, axes)
    axes.axvline(power.value, color="black", linewidth=1)
    axes.set_yticks(range(len(bars)), [panel.axis_text(bar.axis) for bar in bars], fontsize=8)
    axes.set_ylim(len(bars) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    _fit(panel, bars, axes)
    drawn = {bar.axis for bar in bars}
    called = panel.called(reference.cell)
    axes.set_xlabel(
        "\n".join([called, *(panel.without_bar(n) for n in panel.axes if n not in drawn)])
    )
    name = hypothesis_name(reference.scenario, hypothesis)
    title = f"{name}: {called} {with_error(power)} in the reference"
    axes.set_title(textwrap.fill(title, TITLE_WIDTH), fontsize=9)


class _Panel(NamedTuple):
    """What the words of a panel are made of."""

    axes: Mapping[str, Axis]
    reference: Cell
    hypothesis: str
    power: float

    def called(self, cell: Cell) -> str:
        """What the rejection probability is called in a cell."""
        return rejection_text(cell, self.hypothesis)

    def value_at(self, cell: Cell, axis: str) -> str:
        """Value of an axis in a cell, with its unit."""
        unit = self.axes[axis].unit
        return f"{value_text(cell.values[axis])}{f' {unit}' if unit else ''}"

    def axis_text(self, axis: str) -> str:
        """Name of an axis, and its value in the reference."""
        lines = (self.name_of(axis), f"reference: {self.value_at(self.reference, axis)}")
        return "\n".join(textwrap.fill(line, NAME_WIDTH) for line in lines)

    def end_text(self, axis: str, end: _End) -> str:
        """Value at an end of a bar, its power and how that differs from the reference's."""
        value = self.value_at(end.cell, axis)
        if end.difference is None:
            return f"{value}\nreference"
        called = self.called(end.cell)
        which = f"{called} " if called != self.called(self.reference) else ""
        change = f"{end.difference.value:+.4f} ({end.difference.mcse:.4f})"
        return f"{value}\n{which}{end.power:.3f}\n{change}"

    def without_bar(self, axis: str) -> str:
        """Say of an axis why it has no bar."""
        why = "no cell differs from the reference in it alone"
        return textwrap.fill(f"no bar: {self.name_of(axis)} ({why})", TITLE_WIDTH)

    def name_of(self, axis: str) -> str:
        """Label of an axis, or its name."""
        return self.axes[axis].label or axis


def _draw_bar(panel: _Panel, bar: _Bar, place: int, axes: Axes) -> None:
    """A bar in two parts, below and above the reference, with whiskers and values at its ends."""
    for end, color in ((bar.low, BELOW_COLOR), (bar.high, ABOVE_COLOR)):
        change = end.power - panel.power
        axes.barh(place, change, left=panel.power, height=0.5, color=color, edgecolor="black")
        if end.difference is not None:
            half = end.half_width
            axes.errorbar(end.power, place, xerr=half, ecolor="black", capsize=3, fmt="none")
    for end, x, side in zip((bar.low, bar.high), bar.reach, (-1, 1), strict=True):
        axes.annotate(
            panel.end_text(bar.axis, end),
            (x, place),
            xytext=(4 * side, 0),
            textcoords="offset points",
            ha="right" if side < 0 else "left",
            va="center",
            fontsize=FONT_SIZE,
        )


def _fit(panel: _Panel, bars: Sequence[_Bar], axes: Axes) -> None:
    """Leave room for the texts beside the bars; ticks are probabilities."""
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - slow to import

    def room(ends: Iterable[tuple[str, _End]]) -> float:
        lines = [line for end in ends for line in panel.end_text(*end).split("\n")]
        return 0.25 + LETTER * max(map(len, lines), default=0)

    left, right = room((b.axis, b.low) for b in bars), room((b.axis, b.high) for b in bars)
    reaches = [bar.reach for bar in bars]
    low = min([panel.power - LEAST_SPAN / 2.0, *(low for low, _ in reaches)])
    high = max([panel.power + LEAST_SPAN / 2.0, *(high for _, high in reaches)])
    per_inch = (high - low) / max(PANEL_WIDTH - left - right, 1.0)
    axes.set_xlim(low - left * per_inch, high + right * per_inch)
    ticks = MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(low, high)
    axes.set_xticks([tick for tick in ticks if 0.0 <= tick <= 1.0])
