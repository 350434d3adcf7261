"""A study as text: what is varied, and a row a cell."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from simulate.report.contents import FAILURES, counted_name, rejection_columns, with_error
from simulate.report.tables import Column, print_rows, say
from simulate.report.wording import months_text, number
from simulate.report.words import arm_name, comparison_text, hypothesis_name, rule_text
from simulate.results.characteristics import OVERALL
from simulate.results.estimates import Estimate
from simulate.scenario.comparisons import constant_log_hazard_ratio
from simulate.scenario.models import Scenario
from simulate.scenario.resolve import n_members
from simulate.scenario.study import Axis, split_path, value_text
from simulate.studies.grid import Cell, Grid
from simulate.studies.measures import DIFFERENCE, NOT_BY_HORIZON
from simulate.studies.result import CellResult, Study

if TYPE_CHECKING:
    from rich.console import Console

POWER = "rejection_probability"
MOST_LISTED = 5


def print_study(found: Study, console: Console) -> None:
    """Print what a study found: what is varied, and a table a hypothesis, a row a cell."""
    simulation = found.grid.scenario.simulation
    say(console, found.grid.scenario.title, "bold")
    for line in grid_in_words(found.grid):
        say(console, line)
    say(
        console,
        f"{simulation.trials:,} simulated trials a cell, seed {simulation.seed}, with the same "
        "patients",
    )
    for line in _what_is_missing(found):
        say(console, line, "bold red")
    say(console, "Monte Carlo standard errors in brackets")
    for name in found.grid.scenario.hypotheses:
        cells = [cell for cell in found.cells if name in cell.scenario.hypotheses]
        if cells:
            say(console)
            _print_hypothesis(found, name, cells, console)
    for line in _notes(found):
        say(console, line)


def print_grid(grid: Grid, console: Console) -> None:
    """Print what a study would vary, beside the scenario in words."""
    say(console)
    say(console, "Study", "bold")
    for line in grid_in_words(grid):
        say(console, f"  {line}")


def grid_in_words(grid: Grid) -> Iterator[str]:
    """What a study varies, and what it holds."""
    n_cells = len(grid.cells)
    skipped = f"{grid.n_skipped:,} combination{'s' * (grid.n_skipped > 1)}"
    left_out = f", {skipped} left out" if grid.n_skipped else ""
    yield f"{n_cells:,} cell{'s' * (n_cells > 1)}{left_out}, over"
    for name, axis in grid.study.axes.items():
        yield f"  {_axis_text(grid, name, axis)}"
    if grid.reference is not None:
        yield f"differences are from the cell {grid.reference.name}, over the same patients"


def _axis_text(grid: Grid, name: str, axis: Axis) -> str:
    """An axis: what it sets, to what, and what stays meanwhile."""
    unit = f" {axis.unit}" if axis.unit else ""
    label = f" ({axis.label})" if axis.label else ""
    levels = ", ".join(value_text(level) for level in axis.levels)
    if axis.points is not None:
        return f"{name}{label}: {levels}"
    if axis.discount_of is not None:
        arm = arm_name(grid.scenario, axis.discount_of)
        return f"{name}{label}: discount of {arm}, its hazards divided by {levels}"
    paths = " and ".join([axis.path] if axis.path is not None else list(axis.paths or ()))
    text = f"{name}{label}: {paths} = {levels}{unit}"
    stays = _what_stays(grid, name, axis)
    return f"{text}; {stays}" if stays else text


def grid_notes(grid: Grid) -> Iterator[str]:
    """What stays while medians of controls change, a line an axis."""
    for name, axis in grid.study.axes.items():
        if stays := _what_stays(grid, name, axis):
            yield f"over {axis.label or name}, {stays}"


def _what_stays(grid: Grid, name: str, axis: Axis) -> str:
    """Say of a control's median whether the other arm's median or the hazard ratio stays."""
    if axis.hold_median_of is not None:
        arm = arm_name(grid.scenario, axis.hold_median_of)
        held = months_text(grid.held_medians[name])
        return f"the median of {arm} stays at {held}: its hazard ratio changes"
    parts = split_path(axis.path or "")
    if len(parts) != 4 or parts[0] != "arms" or parts[3] != "median_months":
        return ""
    relative = [
        arm_name(grid.scenario, name)
        for name, arm in grid.scenario.arms.items()
        if getattr(getattr(arm, str(parts[2]), None), "relative_to", None) == parts[1]
    ]
    if not relative:
        return ""
    return f"the hazard ratio of {' and '.join(relative)} stays: its median changes"


def _what_is_missing(found: Study) -> Iterator[str]:
    """Say of a folder that was read in part how many trials are missing, and which cells."""
    if not found.n_missing:
        return
    planned = len(found.grid.cells) * found.grid.scenario.simulation.trials
    yield f"partial: {found.n_missing:,} of {planned:,} planned trials are missing"
    there = {cell.cell.name for cell in found.cells}
    left_out = [cell.name for cell in found.grid.cells if cell.name not in there]
    if left_out:
        listed = "; ".join(left_out[:MOST_LISTED]) + "; …" * (len(left_out) > MOST_LISTED)
        yield f"{len(left_out):,} cells have no trials yet and are left out: {listed}"


def _print_hypothesis(
    found: Study, hypothesis: str, cells: Sequence[CellResult], console: Console
) -> None:
    """Print the figures of one hypothesis, a row a cell."""
    scenario = cells[0].scenario
    say(console, hypothesis_name(scenario, hypothesis), "bold green")
    say(console, f"{hypothesis}: {comparison_text(scenario, hypothesis)}")
    rules = dict.fromkeys(rule_text(cell.scenario, hypothesis) for cell in cells)
    say(console, next(iter(rules)) if len(rules) == 1 else "rejected by a rule of each cell's own")
    heads = [
        Column(
            name if not axis.unit else f"{name}, {axis.unit}",
            [value_text(cell.cell.values[name]) for cell in cells],
        )
        for name, axis in found.grid.study.axes.items()
    ]
    columns = [c for c in _columns(found, hypothesis, cells) if any(c.cells)]
    flagged = [any(t.flagged for t in cell.twins if t.hypothesis == hypothesis) for cell in cells]
    print_rows(console, heads, columns, ["bold red" if is_so else "" for is_so in flagged])


def _columns(found: Study, hypothesis: str, cells: Sequence[CellResult]) -> Iterator[Column]:
    """Columns of figures; those without any figure are left out by the caller."""
    ratios = [_true_ratio(cell.scenario, hypothesis) for cell in cells]
    axes = found.grid.study.axes
    is_axis = any([value_text(c.cell.values[name]) for c in cells] == ratios for name in axes)
    trials = [cell.scenario.simulation.trials for cell in cells]
    is_partial = any(n != found.grid.scenario.simulation.trials for n in trials)
    yield Column("trials", [f"{n:,}" * is_partial for n in trials])
    yield Column("true HR", ratios if len(set(ratios)) > 1 and not is_axis else [""] * len(cells))
    called = [rejection_text(cell.cell, hypothesis) for cell in cells]
    yield from rejection_columns(called, [with_error(cell.power(hypothesis)) for cell in cells])
    closed = [cell.twin(POWER, hypothesis) for cell in cells]
    yield Column(
        "closed form",
        ["" if t is None else f"{t.twin:.4f}{' DIFFERS' * t.flagged}" for t in closed],
    )
    yield from _difference_columns(found, hypothesis, cells)
    late = [_if_there(cell, NOT_BY_HORIZON, hypothesis, 4) for cell in cells]
    yield Column(f"not by month {_horizon(found.grid)}", late)
    month = [_if_there(cell, "look_time_mean", hypothesis, 2) for cell in cells]
    yield Column("month, mean", month)
    counted = counted_name(cells[0].scenario, hypothesis, "events")
    events = [_if_there(cell, "events_mean", hypothesis, 1) for cell in cells]
    yield Column(f"{counted}, mean", events)


def _difference_columns(
    found: Study, hypothesis: str, cells: Sequence[CellResult]
) -> Iterator[Column]:
    """How a cell's rejection probability differs from the reference's."""
    if found.grid.reference is None:
        return
    reference = found.grid.reference.name
    texts = []
    for cell in cells:
        text = _if_there(cell, f"{POWER}{DIFFERENCE}", hypothesis, 4)
        texts.append("reference" if cell.cell.name == reference else text)
    yield Column("difference", texts)


def _if_there(cell: CellResult, measure: str, hypothesis: str, digits: int) -> str:
    """A figure of a hypothesis at the end; nothing if there is none."""
    for row in cell.rows:
        if (row.hypothesis, row.analysis, row.measure) == (hypothesis, OVERALL, measure):
            return with_error(Estimate(row.estimate, row.mcse, row.n_trials), digits)
    return ""


def _horizon(grid: Grid) -> str:
    """Month by which trials should be over; empty if there is none."""
    return "" if grid.study.horizon_months is None else number(grid.study.horizon_months)


def _true_ratio(scenario: Scenario, hypothesis: str) -> str:
    """The single true hazard ratio, if there is one."""
    log_hr = constant_log_hazard_ratio(scenario, hypothesis)
    return "" if log_hr is None else number(math.exp(log_hr), 4)


def rejection_text(cell: Cell, hypothesis: str) -> str:
    """What the rejection probability of a hypothesis is called in a cell."""
    if cell.null_holds.get(hypothesis):
        return "type I error"
    return "power" if n_members(cell.scenario) == 1 else "assurance"


def _notes(found: Study) -> Iterator[str]:
    """What to know about the table."""
    yield ""
    twins = [twin for cell in found.cells for twin in cell.twins]
    if any(twin.measure == POWER for twin in twins):
        yield "closed form: Schoenfeld's approximation (1981), where there is one"
    if any(twin.flagged for twin in twins):
        yield (
            "A figure in red differs from its closed form by more than is allowed: find out why "
            "before using either (simulate run with the values of the cell tells which)."
        )
    if found.grid.study.horizon_months is not None:
        yield (
            f"not by month {_horizon(found.grid)}: share of the trials that have not decided by "
            "then; a look that never has its events decides nothing"
        )
    marked = [name for name, axis in found.grid.study.axes.items() if axis.null_holds is not None]
    if marked:
        yield f"type I error: of cells that {' and '.join(marked)} marks as without an effect, too"
    missing = {
        cell.cell.name
        for cell in found.cells
        for row in cell.rows
        if row.measure in dict(FAILURES) and row.condition == "all" and row.estimate > 0.0
    }
    if missing:
        yield (
            f"in {len(missing):,} cells something did not exist in some trials (looks, events, "
            "estimates): the table, and simulate show of the cell's folder, tell what"
        )
