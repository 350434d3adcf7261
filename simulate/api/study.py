"""Simulate the cells of a study: ordinary runs with one seed, put into one table."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from simulate.api.blocks import Counts, check_free, fits_in_memory, judged_again, missing_bytes
from simulate.api.inputs import (
    Keep,
    Shard,
    check_keep,
    check_reported,
    check_shard,
    check_workers,
    planned_blocks,
    shard_blocks,
    with_simulation,
)
from simulate.api.run import run, run_shard
from simulate.engine.statistics import Statistics
from simulate.errors import Problem, ScenarioError
from simulate.results.result import Result
from simulate.runner.execute import Progress
from simulate.runner.folder import start_folder
from simulate.runner.manifest import SUMMARY
from simulate.scenario.hashes import data_hash
from simulate.studies.assemble import study_of
from simulate.studies.folder import (
    StudyFolder,
    adopt_blocks,
    refuse_other_study,
    start_study,
    study_folder,
    write_table,
)
from simulate.studies.grid import MOST_CELLS, Cell, Grid, load_grid
from simulate.studies.result import Study

Source = str | os.PathLike[str] | Mapping[str, Any] | Grid


def study(
    source: Source,
    *,
    overrides: Sequence[str] = (),
    trials: int | None = None,
    seed: int | None = None,
    workers: int | None = None,
    cluster: str | None = None,
    out: str | os.PathLike[str] | None = None,
    keep: Keep = "rows",
    most_cells: int = MOST_CELLS,
    progress: Progress | None = None,
    counts: Counts | None = None,
) -> Study:
    """Simulate every cell of a study and put what comes out into one table.

    Parameters
    ----------
    source : path or mapping or Grid
        A scenario file with a table ``[study]``, its tables, or the cells made of it.
    overrides : sequence of str
        ``path=value`` each, over the values of a file.
    trials, seed : int, optional
        Of every cell, instead of those of the scenario. Cells share their patients by the seed.
    workers, cluster, keep
        As for `simulate.run`, of every cell.
    out : path, optional
        Study folder: each cell has a run folder in it, and blocks that are there are not simulated
        again.
    most_cells : int
        How many cells a study may have.
    progress : callable, optional
        Called with the number of trials done since it was called last, over all cells.
    counts : Counts, optional
        Filled with what became of the blocks of all cells.

    Returns
    -------
    Study
        Cells that differ in their design alone are simulated once.

    Raises
    ------
    ScenarioError
        If the scenario or any cell cannot be used; nothing was simulated.
    StoreError
        If the folder cannot be written, or it or one of its cells holds something else.
    """
    grid = planned_grid(source, overrides, trials, seed, most_cells)
    _check(grid, keep, workers, has_folder=out is not None)
    counts = Counts() if counts is None else counts
    folder = None if out is None else _start(Path(out), grid, keep, counts)
    options: dict[str, Any] = {"workers": workers, "cluster": cluster, "keep": keep}
    runs = _Runs(grid, folder, options, progress, counts)
    found = study_of(grid, grid.cells, runs.result)
    if folder is not None:
        write_table(folder, found)
    return found


def study_shard(
    source: Source,
    out: str | os.PathLike[str],
    shard: Shard,
    *,
    overrides: Sequence[str] = (),
    trials: int | None = None,
    seed: int | None = None,
    workers: int | None = None,
    cluster: str | None = None,
    keep: Keep = "rows",
    most_cells: int = MOST_CELLS,
    progress: Progress | None = None,
    counts: Counts | None = None,
) -> StudyFolder:
    """Simulate one shard of a study into its folder: every ``shard.of``-th block of all its cells.

    Parameters
    ----------
    source, out, overrides, trials, seed, workers, cluster, keep, most_cells, progress, counts
        As for `study`, equal in all shards.
    shard : Shard
        Which one.

    Returns
    -------
    StudyFolder
        Its table is written by `study`, which simulates nothing more once all shards are done.

    Raises
    ------
    ScenarioError, StoreError
        As for `study`.
    """
    grid = planned_grid(source, overrides, trials, seed, most_cells)
    _check(grid, keep, workers, has_folder=True)
    check_shard(shard)
    counts = Counts() if counts is None else counts
    folder = _start(Path(out), grid, keep, counts)
    options: dict[str, Any] = {"workers": workers, "cluster": cluster, "keep": keep}
    for cell, share in shards_of_cells(grid, shard, keep).items():
        of_cell = Counts()
        run_shard(
            _scenario(grid, cell),
            folder.cell(cell).path,
            share,
            progress=progress,
            counts=of_cell,
            **options,
        )
        _add(counts, of_cell, cell)
    return folder


def planned_grid(
    source: Source,
    overrides: Sequence[str] = (),
    trials: int | None = None,
    seed: int | None = None,
    most_cells: int = MOST_CELLS,
) -> Grid:
    """Cells of a study with the trials and the seed that were asked for.

    Raises
    ------
    ScenarioError
        As for `study`.
    """
    grid = source if isinstance(source, Grid) else load_grid(source, overrides, most_cells)
    cells = tuple(
        replace(cell, scenario=with_simulation(cell.scenario, trials, seed)) for cell in grid.cells
    )
    return replace(grid, scenario=with_simulation(grid.scenario, trials, seed), cells=cells)


def shards_of_cells(grid: Grid, shard: Shard, keep: Keep) -> dict[str, Shard]:
    """Share that a shard of a study has of each of its cells; those without one are left out.

    The blocks of all cells are dealt out in one row, so that short cells do not all fall to the
    first shard. Cells that differ from one before in their design alone are nobody's: `study` takes
    their blocks from that one.
    """
    shares = {}
    n_before = 0
    for cell in _simulated(grid, keep):
        blocks = planned_blocks(cell.scenario)
        own = Shard((shard.number - 1 - n_before) % shard.of + 1, shard.of)
        n_before += len(blocks)
        if shard_blocks(blocks, own):
            shares[cell.name] = own
    return shares


def trials_of_study(grid: Grid, shard: Shard | None, keep: Keep) -> int:
    """Trials of all cells of a study, or of one shard of it."""
    if shard is None:
        return sum(cell.scenario.simulation.trials for cell in grid.cells)
    return sum(
        block.stop - block.start
        for name, own in shards_of_cells(grid, shard, keep).items()
        for block in shard_blocks(planned_blocks(_scenario(grid, name)), own)
    )


def _simulated(grid: Grid, keep: Keep) -> list[Cell]:
    """Cells that are simulated: of those with equal data the first, unless only sums are kept."""
    if keep == SUMMARY:
        return list(grid.cells)
    first: dict[str, Cell] = {}
    for cell in grid.cells:
        first.setdefault(data_hash(cell.scenario), cell)
    return list(first.values())


def _scenario(grid: Grid, name: str) -> Any:
    return next(cell.scenario for cell in grid.cells if cell.name == name)


def _check(grid: Grid, keep: Keep, workers: int | None, *, has_folder: bool) -> None:
    """Refuse what the cells cannot be run with, and what needs rows that are not kept."""
    check_workers(workers)
    check_keep(keep, has_folder=has_folder)
    for cell in grid.cells:
        check_reported(cell.scenario)
    fits = keep != SUMMARY and all(fits_in_memory(cell.scenario) for cell in grid.cells)
    for key in ("reference", "horizon_months"):
        if getattr(grid.study, key) is not None and not fits:
            rule = "needs the trials of every cell in memory, and they are not kept there"
            remedy = (
                "use --keep rows and at most 1,000,000 trials or 4,000,000 rows a cell, or leave "
                "it out"
            )
            raise ScenarioError([Problem(f"study.{key}", rule, "", remedy)])


def _start(path: Path, grid: Grid, keep: Keep, counts: Counts) -> StudyFolder:
    """Make the study folder, or go on in it, if there is room for what it lacks."""
    folder = study_folder(path, grid, keep)
    # Before anything is written: what is refused leaves no trace.
    refuse_other_study(folder)
    check_free(
        folder.path,
        sum(
            missing_bytes(
                folder.cell(cell.name), cell.scenario, keep, planned_blocks(cell.scenario)
            )
            for cell in grid.cells
        ),
        keep,
    )
    counts.changes += start_study(folder, grid, keep)
    return folder


def _add(counts: Counts, of_cell: Counts, name: str) -> None:
    """Add what became of the blocks of a cell."""
    counts.simulated += of_cell.simulated
    counts.found += of_cell.found
    counts.trials += of_cell.trials
    counts.file_bytes += of_cell.file_bytes
    counts.complaints += [f"{name}: {line}" for line in of_cell.complaints]
    counts.changes += [f"{name}: {line}" for line in of_cell.changes]


class _Runs:
    """Runs cells one after the other; what one has simulated, others with equal data do not."""

    def __init__(
        self,
        grid: Grid,
        folder: StudyFolder | None,
        options: dict[str, Any],
        progress: Progress | None,
        counts: Counts,
    ) -> None:
        self.folder = folder
        self.options = options
        self.progress = progress
        self.counts = counts
        # Of data that more cells are of, the statistics stay in memory until the last of them.
        self.n_left = Counter(data_hash(cell.scenario) for cell in grid.cells)
        self.sources = {} if folder is None else folder.sources()
        self.statistics: dict[str, Statistics] = {}

    def result(self, cell: Cell) -> Result:
        """Result of a cell: judged again if its trials are there, else a run."""
        data = data_hash(cell.scenario)
        self.n_left[data] -= 1
        known = self.statistics.get(data)
        if known is not None and self.folder is None:
            result = judged_again(cell.scenario, known)
            n_trials = cell.scenario.simulation.trials
            self.counts.trials += n_trials
            if self.progress:
                self.progress(n_trials)
        else:
            result = self._run(cell)
        if self.n_left[data] == 0:
            self.statistics.pop(data, None)
        elif result.statistics is not None:
            self.statistics[data] = result.statistics
        return result

    def _run(self, cell: Cell) -> Result:
        of_cell = Counts()
        out = None
        if self.folder is not None:
            out = self.folder.cell(cell.name).path
            self._adopt(self.folder, cell)
        result = run(cell.scenario, out=out, progress=self.progress, counts=of_cell, **self.options)
        _add(self.counts, of_cell, cell.name)
        return result

    def _adopt(self, folder: StudyFolder, cell: Cell) -> None:
        """Copy the blocks that other cells have in common with this one."""
        own = folder.cell(cell.name)
        others = [path for path in self.sources[data_hash(cell.scenario)] if path != own.path]
        donors = folder.donors(own.manifest, others)
        if not donors:
            return
        target, changes = start_folder(own.path, own.manifest)
        if n_copied := adopt_blocks(target, donors):
            changes.append(f"{n_copied:,} blocks are those of another cell")
        self.counts.changes += [f"{cell.name}: {line}" for line in changes]
