"""A picture of a study: power over one axis, a line a value of another, and heat maps."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simulate.errors import Problem, ScenarioError
from simulate.report.figure import check_drawable
from simulate.report.pictures import check_path, picture
from simulate.report.study import grid_notes, rejection_text
from simulate.report.words import hypothesis_name
from simulate.results.characteristics import OVERALL
from simulate.results.estimates import CONFIDENCE_Z
from simulate.results.quantiles import FloatArray
from simulate.scenario.study import Axis, Value, value_text
from simulate.studies.grid import Grid
from simulate.studies.measures import NOT_BY_HORIZON
from simulate.studies.result import CellResult, Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POWER = "rejection_probability"
MOST_PANELS = 24
ENOUGH_FOR_A_MAP = 3
MOST_TICKS = 12
# Told apart in grey by their darkness and by their markers.
STYLES = (
    ("#08306b", "o"),
    ("#b3541e", "s"),
    ("#6baed6", "^"),
    ("#3f3f3f", "D"),
    ("#8c6bb1", "v"),
    ("#74a089", "P"),
    ("#9e9e9e", "X"),
    ("#c9a227", "*"),
)


class _Panel(NamedTuple):
    """One hypothesis at one combination of the axes beyond the second."""

    hypothesis: str
    fixed: dict[str, Value]


def check(grid: Grid, path: str, *, heatmap: bool = False) -> None:
    """Refuse a picture that could not be drawn, before anything is simulated.

    Raises
    ------
    ScenarioError
        If the file cannot be one, there is no hypothesis, too many panels would be needed, or a
        heat map without two axes of numbers is asked for.
    """
    check_path(path)
    for cell in grid.cells:
        check_drawable(cell.scenario)
    if heatmap and not _is_map(grid, fewest=2):
        rule = "needs two axes of two or more numbers, as the first two that vary"
        raise ScenarioError([Problem("study.axes", rule, "", where="--heatmap")])
    n_panels = len(_panels(grid))
    if n_panels > MOST_PANELS:
        rule = f"would need {n_panels} panels, a hypothesis and value of further axes each"
        remedy = f"at most {MOST_PANELS} are drawn: draw from the table, or take fewer values"
        raise ScenarioError([Problem("study.axes", rule, "", remedy, where="--figure")])


def draw_study(found: Study, path: str, *, heatmap: bool = False) -> None:
    """Draw a study: a row of panels a hypothesis and value of further axes; PNG, SVG or PDF.

    Left: the rejection probability over the first axis, a line a value of the second, with its
    pointwise 95% Monte Carlo band, and dashed the closed form where there is one; hollow where it
    is a type I error. Then, with a horizon, the share of trials that are late for it. Right, where
    both axes are of three or more numbers: the rejection probability as a heat map; with
    ``heatmap`` this alone.

    Raises
    ------
    SimulateError
        If the file cannot be written.
    """
    grid = found.grid
    panels = _panels(grid)
    kinds: list[Callable[[Study, _Panel, Axes], None]] = []
    if not heatmap:
        kinds.append(_draw_power)
        if grid.study.horizon_months is not None:
            kinds.append(_draw_late)
    if heatmap or _is_map(grid, fewest=ENOUGH_FOR_A_MAP):
        kinds.append(_draw_map)
    width = 6.8 if len(kinds) == 1 else 4.9 * len(kinds)
    with picture(path, width, 0.7 + 3.9 * len(panels)) as figure:
        axes = figure.subplots(len(panels), len(kinds), squeeze=False)
        for row, panel in zip(axes, panels, strict=True):
            for kind, place in zip(kinds, row, strict=True):
                kind(found, panel, place)
        above = [grid.scenario.title, *grid_notes(grid)]
        figure.suptitle("\n".join(_fitted(line, width) for line in above), fontsize=10)
        figure.supxlabel("bands: pointwise 95% Monte Carlo intervals", fontsize=7, ha="center")


def _fitted(text: str, width: float) -> str:
    """A text above the panels, in lines that fit a width in inches."""
    return textwrap.fill(text, int(13 * width))


def _varied(grid: Grid) -> list[str]:
    """Axes of several values; the first axis if none has."""
    axes = grid.study.axes
    return [name for name, axis in axes.items() if len(axis.levels) > 1] or list(axes)[:1]


def _panels(grid: Grid) -> list[_Panel]:
    """Rows of the picture: every hypothesis, at every combination of further axes that is left."""
    further = _varied(grid)[2:]
    found = []
    for hypothesis in grid.scenario.hypotheses:
        for levels in product(*(grid.study.axes[name].levels for name in further)):
            fixed = dict(zip(further, levels, strict=True))
            if any(fixed.items() <= cell.values.items() for cell in grid.cells):
                found.append(_Panel(hypothesis, fixed))
    return found


def _is_map(grid: Grid, fewest: int) -> bool:
    """Whether the first two axes that vary are of so many numbers at least."""
    axes = [grid.study.axes[name] for name in _varied(grid)[:2]]
    return len(axes) == 2 and all(_is_numeric(a) and len(a.levels) >= fewest for a in axes)


def _is_numeric(axis: Axis) -> bool:
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in axis.levels)


def _at(found: Study, panel: _Panel, **values: Value) -> CellResult | None:
    """Cell of a panel at some values; None if it was left out, or lacks the hypothesis."""
    wanted = panel.fixed | values
    for cell in found.cells:
        is_it = wanted.items() <= cell.cell.values.items()
        if is_it and panel.hypothesis in cell.scenario.hypotheses:
            return cell
    return None


def _draw_power(found: Study, panel: _Panel, axes: Axes) -> None:
    """Rejection probability over the first axis, beside closed forms."""
    cells = [c for c in found.cells if panel.hypothesis in c.scenario.hypotheses]
    called = dict.fromkeys(rejection_text(c.cell, panel.hypothesis) for c in cells)
    _draw_lines(found, panel, axes, POWER, with_twins=True)
    is_null = any(c.cell.null_holds.get(panel.hypothesis) for c in cells)
    if is_null:
        alphas = {c.scenario.hypotheses[panel.hypothesis].alpha for c in cells}
        for alpha in sorted(a for a in alphas if a is not None):
            axes.axhline(alpha, color="black", linestyle=":", linewidth=1)
            # Beside the panel, where no line crosses it.
            axes.annotate(
                f"one-sided\nalpha {alpha:g}",
                (1.0, alpha),
                xytext=(3, 0),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                fontsize=7,
                va="center",
            )
    axes.set_ylabel(" or ".join(called) if len(called) > 1 else next(iter(called)))
    if list(called) == ["type I error"]:
        axes.set_ylim(bottom=0.0)
    else:
        axes.set_ylim(0.0, 1.02)
    axes.set_title(_panel_title(found, panel), fontsize=9)


def _draw_late(found: Study, panel: _Panel, axes: Axes) -> None:
    """Share of the trials that are late for the horizon, over the first axis."""
    _draw_lines(found, panel, axes, NOT_BY_HORIZON, with_twins=False)
    month = value_text(found.grid.study.horizon_months)
    axes.set_ylabel(f"share of trials not decided by month {month}")
    axes.set_ylim(-0.02, 1.02)
    axes.set_title("trials that take too long", fontsize=9)


class _Line(NamedTuple):
    """Cells of one line, by their places over the first axis."""

    x: list[float]
    cells: list[CellResult]
    hypothesis: str
    color: str
    marker: str

    def estimates(self, measure: str) -> tuple[FloatArray, FloatArray]:
        """A measure of each cell, and the half-width of its 95% Monte Carlo interval."""
        found = [cell.estimate(measure, self.hypothesis, OVERALL) for cell in self.cells]
        values = np.array([estimate.value for estimate in found])
        return values, CONFIDENCE_Z * np.array([estimate.mcse for estimate in found])

    def closed_forms(self) -> tuple[list[float], list[float]]:
        """Places and values of the closed forms there are."""
        twins = [cell.twin(POWER, self.hypothesis) for cell in self.cells]
        known = [(x, t.twin) for x, t in zip(self.x, twins, strict=True) if t is not None]
        return [x for x, _ in known], [value for _, value in known]

    def places(self, *, null: bool) -> list[int]:
        """Which of its cells are null, or are not."""
        holds = [bool(cell.cell.null_holds.get(self.hypothesis)) for cell in self.cells]
        return [i for i, holds_here in enumerate(holds) if holds_here is null]


def _line(found: Study, panel: _Panel, number: int, at: dict[str, Value]) -> _Line:
    """Line of a panel at a value of the second axis; what has no number stands side by side."""
    first = _varied(found.grid)[0]
    axis = found.grid.study.axes[first]
    points = []
    for place, x in enumerate(axis.levels):
        cell = _at(found, panel, **at, **{first: x})
        if cell is not None:
            points.append((float(x) if _is_numeric(axis) else float(place), cell))
    points.sort(key=lambda point: point[0])
    color, marker = STYLES[number % len(STYLES)]
    cells = [cell for _, cell in points]
    return _Line([x for x, _ in points], cells, panel.hypothesis, color, marker)


def _draw_lines(found: Study, panel: _Panel, axes: Axes, measure: str, *, with_twins: bool) -> None:
    """Lines of a measure over the first axis, one a value of the second."""
    grid = found.grid
    first, *rest = _varied(grid)[:2]
    is_numeric = _is_numeric(grid.study.axes[first])
    levels: Sequence[Value] = grid.study.axes[rest[0]].levels if rest else ("",)
    lines = [_line(found, panel, n, {rest[0]: v} if rest else {}) for n, v in enumerate(levels)]
    for line, level in zip(lines, levels, strict=True):
        _draw_line(axes, line, measure, value_text(level), is_numeric)
    named = dict.fromkeys(("closed form (Schoenfeld)",)) if with_twins else {}
    is_one = _share_a_closed_form(lines)
    for line in lines:
        x, closed = line.closed_forms()
        if with_twins and x:
            # Over what has no number, a dash beside each point.
            style = "--" if is_numeric else "_"
            color = "black" if is_one else line.color
            axes.plot(x, closed, style, color=color, linewidth=0.9, markersize=12)
            if named:
                axes.plot([], [], style, color="black", linewidth=0.9, label=named.popitem()[0])
    if with_twins and any(line.places(null=True) for line in lines):
        axes.plot([], [], "o", color="black", markerfacecolor="white", label="type I error")
    _finish(axes, grid, first, rest)


def _share_a_closed_form(lines: Sequence[_Line]) -> bool:
    """Whether one curve is the closed form of all lines; else each needs the colour of its line."""
    heights: dict[float, set[float]] = {}
    for line in lines:
        for place, value in zip(*line.closed_forms(), strict=True):
            # A month found by iteration is not the same in its last digits.
            heights.setdefault(place, set()).add(round(value, 9))
    is_single = all(len(values) == 1 for values in heights.values())
    return is_single and all(line.closed_forms()[0] for line in lines)


def _draw_line(axes: Axes, line: _Line, measure: str, label: str, is_numeric: bool) -> None:
    """One line with its band; over what has no number, points with bars."""
    y, half = line.estimates(measure)
    if is_numeric:
        axes.plot(line.x, y, "-", color=line.color, linewidth=1.4)
        axes.fill_between(line.x, y - half, y + half, color=line.color, alpha=0.22, linewidth=0)
    else:
        axes.errorbar(line.x, y, yerr=half, fmt="none", ecolor=line.color, capsize=3)
    for is_null in (False, True):
        places = line.places(null=is_null)
        if places:
            face = "white" if is_null else line.color
            x = [line.x[i] for i in places]
            axes.plot(
                x, y[places], line.marker, color=line.color, markerfacecolor=face, label=label
            )
            label = ""


def _finish(axes: Axes, grid: Grid, first: str, rest: Sequence[str]) -> None:
    """Labels of the axes, and the legend."""
    x_axis = grid.study.axes[first]
    texts = [value_text(level) for level in x_axis.levels]
    if not _is_numeric(x_axis):
        axes.set_xticks(range(len(texts)), texts)
        axes.set_xlim(-0.5, len(texts) - 0.5)
    elif len(texts) <= MOST_TICKS:
        axes.set_xticks([float(level) for level in x_axis.levels], texts)
    axes.set_xlabel(axis_label(first, x_axis))
    axes.spines[["top", "right"]].set_visible(False)
    if axes.get_legend_handles_labels()[1]:
        title = axis_label(rest[0], grid.study.axes[rest[0]]) if rest else None
        axes.legend(frameon=False, fontsize=8, title=title, title_fontsize=8)


def _draw_map(found: Study, panel: _Panel, axes: Axes) -> None:
    """Rejection probability over two axes of numbers, cells of one size; left out ones hatched."""
    grid = found.grid
    first, second = _varied(grid)[:2]
    across, up = (sorted(grid.study.axes[name].levels, key=float) for name in (first, second))
    values = np.full((len(up), len(across)), np.nan)
    for (row, y), (column, x) in product(enumerate(up), enumerate(across)):
        cell = _at(found, panel, **{first: x, second: y})
        if cell is not None:
            values[row, column] = cell.power(panel.hypothesis).value
    axes.set_facecolor("white")
    axes.patch.set_hatch("///")
    axes.patch.set_edgecolor("#b0b0b0")
    low, high = (0.0, 1.0) if np.nanmax(values) > 0.2 else (0.0, float(np.nanmax(values)))
    shown = np.ma.masked_invalid(values)
    image = axes.imshow(shown, origin="lower", aspect="auto", cmap="cividis", vmin=low, vmax=high)
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            shade = (value - low) / max(high - low, 1e-12)
            color = "white" if shade < 0.6 else "black"
            digits = 2 if high == 1.0 else 3
            text = f"{value:.{digits}f}"
            axes.text(column, row, text, ha="center", va="center", color=color, fontsize=8)
    axes.set_xticks(range(len(across)), [value_text(level) for level in across])
    axes.set_yticks(range(len(up)), [value_text(level) for level in up])
    axes.set_xlabel(axis_label(first, grid.study.axes[first]))
    axes.set_ylabel(axis_label(second, grid.study.axes[second]))
    figure = axes.get_figure()
    if figure is not None:
        figure.colorbar(image, ax=axes, label="rejection probability")
    axes.set_title(_panel_title(found, panel), fontsize=9)


def _panel_title(found: Study, panel: _Panel) -> str:
    """Hypothesis of a panel, and what is fixed in it."""
    name = hypothesis_name(found.grid.scenario, panel.hypothesis)
    axes = found.grid.study.axes
    fixed = [f"{axis_label(n, axes[n])} {value_text(v)}" for n, v in panel.fixed.items()]
    return "\n".join(filter(None, (name, ", ".join(fixed))))


def axis_label(name: str, axis: Axis) -> str:
    """Name of an axis for readers, with its unit."""
    return f"{axis.label or name}{f' ({axis.unit})' if axis.unit else ''}"
