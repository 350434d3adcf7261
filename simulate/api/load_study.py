"""Read what a study folder holds, without simulating."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from simulate.api.inputs import check_workers, with_simulation
from simulate.api.run import read_run
from simulate.errors import StoreError
from simulate.results.result import Result
from simulate.runner.execute import Progress
from simulate.runner.folder import RunFolder
from simulate.studies.assemble import study_of
from simulate.studies.contents import CellContents, StudyContents, open_study
from simulate.studies.grid import Cell, Grid
from simulate.studies.result import Study

MOST_LISTED = 3


def load_study(
    path: str | os.PathLike[str],
    *,
    partial: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Study:
    """Work out the table of a study folder; its scenario is that of the folder.

    Parameters
    ----------
    path : path
        The folder.
    partial : bool
        Take the blocks there are, though some are missing: cells without any are left out, and
        differences are told of cells with the trials of the reference only.
    workers, progress
        As for `simulate.study`.

    Returns
    -------
    Study
        The same as that of `simulate.study` itself.

    Raises
    ------
    ScenarioError
        If the number of workers cannot be used.
    StoreError
        If there is no such folder, or a block is missing, truncated or altered; if it was made by a
        version that did not store the scenarios.
    """
    check_workers(workers)
    contents = open_study(Path(path))
    _refuse_wrong(contents)
    _refuse_missing(contents, partial=partial)
    grid = grid_of(contents)
    known = {cell.cell.name: cell for cell in contents.cells}

    def result(cell: Cell) -> Result:
        return _read(known[cell.name], cell, workers, progress)

    def is_paired(cell: Cell) -> bool:
        reference = grid.reference
        return reference is not None and sorted(known[cell.name].files) == sorted(
            known[reference.name].files
        )

    return study_of(grid, _there(grid, known), result, is_paired)


def grid_of(contents: StudyContents) -> Grid:
    """Grid that a study folder is of.

    Raises
    ------
    StoreError
        If its scenarios are not stored, or cannot be used.
    """
    try:
        return contents.manifest.to_grid()
    except StoreError as error:
        raise StoreError(f"{contents.manifest_file}: {error}") from None


def _there(grid: Grid, known: dict[str, CellContents]) -> list[Cell]:
    """Cells with any block, with as many trials as their blocks have."""
    cells = []
    for cell in grid.cells:
        files = known[cell.name].files
        trials = sum(block.stop - block.start for block in files)
        if trials == cell.scenario.simulation.trials:
            cells.append(cell)
        elif trials:
            cells.append(replace(cell, scenario=with_simulation(cell.scenario, trials, None)))
    return cells


def _read(
    there: CellContents, cell: Cell, workers: int | None, progress: Progress | None
) -> Result:
    assert there.manifest is not None
    # That of another cell where only that has the blocks.
    folder = RunFolder(next(iter(there.files.values())).parent, there.manifest)
    return read_run(folder, cell.scenario, there.files, workers=workers, progress=progress)


def _refuse_wrong(contents: StudyContents) -> None:
    """Refuse cells whose folders cannot be used."""
    wrong = [cell for cell in contents.cells if cell.wrong]
    if wrong:
        more = f"\n{len(wrong) - 1:,} more cells cannot be used" if len(wrong) > 1 else ""
        raise StoreError(f"{wrong[0].wrong}{more}")


def _refuse_missing(contents: StudyContents, *, partial: bool) -> None:
    """Refuse a folder that lacks blocks, unless those there are will do."""
    n_missing, n_planned = contents.n_missing, contents.n_planned
    if not n_missing or (partial and n_missing < n_planned):
        return
    lacking = [cell.cell.name for cell in contents.cells if cell.missing]
    listed = "; ".join(lacking[:MOST_LISTED]) + ("; …" if len(lacking) > MOST_LISTED else "")
    remedy = "simulate study goes on with them"
    if n_missing < n_planned:
        remedy += ", simulate show --partial shows the others"
    raise StoreError(
        f"{contents.path}: {n_missing:,} of {n_planned:,} blocks are missing, in {len(lacking):,} "
        f"of {len(contents.cells):,} cells ({listed}); {remedy}"
    )
