"""Results of cells put together: what the study adds to each, and the differences between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from simulate.engine.statistics import Statistics
from simulate.results.characteristics import Row
from simulate.results.result import Result
from simulate.studies.grid import Cell, Grid
from simulate.studies.measures import difference_rows, horizon_rows
from simulate.studies.result import CellResult, Study


def study_of(
    grid: Grid,
    cells: Sequence[Cell],
    result_of_cell: Callable[[Cell], Result],
    is_paired: Callable[[Cell], bool] = lambda cell: True,
) -> Study:
    """Work out the results of cells one after the other, and keep no more than others still need.

    Parameters
    ----------
    grid : Grid
        The study.
    cells : sequence of Cell
        Those of its cells that there are results of, in order, with the trials that these have.
    result_of_cell : callable
        Gives the result of a cell; asked once for each, for the reference first.
    is_paired : callable
        Whether a cell has the trials that the reference has; only then its differences are told.

    Returns
    -------
    Study
    """
    named = grid.reference
    reference = next((cell for cell in cells if named and cell.name == named.name), None)
    # The reference goes first: all others are compared with it.
    others = [cell for cell in cells if cell is not reference]
    known: Statistics | None = None
    found: dict[str, CellResult] = {}
    for cell in [*([] if reference is None else [reference]), *others]:
        result = result_of_cell(cell)
        added = _late(grid, cell, result.statistics)
        if cell is reference:
            known = result.statistics
        elif reference and known is not None and result.statistics is not None and is_paired(cell):
            added += difference_rows(reference.scenario, known, cell.scenario, result.statistics)
        rows = (*result.operating_characteristics, *added)
        found[cell.name] = CellResult(cell, rows, result.twins)
    return Study(grid, tuple(found[cell.name] for cell in cells))


def _late(grid: Grid, cell: Cell, statistics: Statistics | None) -> list[Row]:
    """Share of the trials of a cell that are late for the study's horizon, if it has one."""
    horizon = grid.study.horizon_months
    if horizon is None or statistics is None:
        return []
    return list(horizon_rows(cell.scenario, statistics, horizon))
