"""Run a scenario, or one shard of it, and read what a run folder holds."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from simulate.api.blocks import Counts, counted, result_of, start, work_on
from simulate.api.inputs import (
    Keep,
    Shard,
    check_keep,
    check_reported,
    check_shard,
    check_workers,
    chosen_scenario,
    planned_blocks,
    shard_blocks,
    with_simulation,
)
from simulate.api.until import MOST_TRIALS_UNTIL, run_until
from simulate.errors import StoreError
from simulate.results.result import Result
from simulate.runner.execute import Block, Progress
from simulate.runner.folder import RunFolder, open_folder
from simulate.runner.workers import over_blocks
from simulate.scenario.models import Scenario


def run(
    scenario: Scenario | str | os.PathLike[str],
    *,
    trials: int | None = None,
    seed: int | None = None,
    workers: int | None = None,
    cluster: str | None = None,
    out: str | os.PathLike[str] | None = None,
    keep: Keep = "rows",
    until_mcse: float | None = None,
    progress: Progress | None = None,
    counts: Counts | None = None,
) -> Result:
    """Simulate a scenario and work out its operating characteristics.

    Parameters
    ----------
    scenario : Scenario or path
        What to simulate, or the file that says so.
    trials, seed : int, optional
        Instead of those of the scenario.
    workers : int, optional
        Processes; one a core if not given. The result is the same for any number.
    cluster : str, optional
        Address of a dask scheduler, or "local"; needs the extra ``dask``. Its workers must see the
        folder ``out`` under the same path.
    out : path, optional
        Run folder: every finished block is stored there, and what is there is not simulated again.
    keep : {"rows", "summary"}
        What the folder keeps: a row a (trial, analysis, hypothesis), or only sums and counts.
    until_mcse : float, optional
        Simulate whole blocks only until the Monte Carlo standard error of the rejection probability
        of every hypothesis is at most this; ``trials`` is then the most there may be, a million if
        it is not given.
    progress : callable, optional
        Called with the number of trials done since it was called last.
    counts : Counts, optional
        Filled with what became of the blocks.

    Returns
    -------
    Result
        With rows up to a million trials (or four million rows); beyond, its quantiles are binned.

    Raises
    ------
    ScenarioError
        If the scenario, the number of trials, the seed, the number of workers or ``keep`` cannot
        be used.
    StoreError
        If the folder cannot be written, or holds something else.
    """
    if until_mcse is not None and trials is None:
        trials = MOST_TRIALS_UNTIL
    scenario = chosen_scenario(scenario, trials, seed, workers)
    check_reported(scenario)
    check_keep(keep, has_folder=out is not None)
    counts = Counts() if counts is None else counts
    if until_mcse is not None:
        return run_until(
            scenario,
            until_mcse,
            workers=workers,
            cluster=cluster,
            out=None if out is None else Path(out),
            keep=keep,
            progress=progress,
            counts=counts,
        )
    blocks = planned_blocks(scenario)
    folder = None if out is None else start(scenario, Path(out), keep, blocks, counts)
    work = work_on(scenario, folder)
    done = over_blocks(work, blocks, workers=workers, cluster=cluster, progress=progress)
    result = result_of(scenario, blocks, counted(done, counts))
    if folder is not None:
        counts.complaints += [f"{file.name}: set aside" for file in folder.tidy()]
    return result


def run_shard(
    scenario: Scenario | str | os.PathLike[str],
    out: str | os.PathLike[str],
    shard: Shard,
    *,
    trials: int | None = None,
    seed: int | None = None,
    workers: int | None = None,
    cluster: str | None = None,
    keep: Keep = "rows",
    progress: Progress | None = None,
    counts: Counts | None = None,
) -> RunFolder:
    """Simulate one shard of a run into its folder: every ``shard.of``-th block.

    Several shards may write into one folder, at once and in any order, or each into its own, to be
    merged.

    Parameters
    ----------
    scenario, trials, seed, workers, cluster, out, keep, progress, counts
        As for `run`, equal in all shards.
    shard : Shard
        Which one.

    Returns
    -------
    RunFolder

    Raises
    ------
    ScenarioError, StoreError
        As for `run`.
    """
    scenario = chosen_scenario(scenario, trials, seed, workers)
    check_reported(scenario)
    check_shard(shard)
    check_keep(keep, has_folder=True)
    counts = Counts() if counts is None else counts
    blocks = shard_blocks(planned_blocks(scenario), shard)
    folder = start(scenario, Path(out), keep, blocks, counts)
    work = work_on(scenario, folder, reports=False)
    done = over_blocks(work, blocks, workers=workers, cluster=cluster, progress=progress)
    for _ in counted(done, counts):
        pass
    counts.complaints += [f"{file.name}: set aside" for file in folder.tidy()]
    return folder


def load_run(
    path: str | os.PathLike[str],
    *,
    partial: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Result:
    """Work out the operating characteristics of a run folder.

    Parameters
    ----------
    path : path
        The folder.
    partial : bool
        Take the blocks there are, though some are missing.
    workers, progress
        As for `run`.

    Returns
    -------
    Result
        The same as that of the run itself.

    Raises
    ------
    ScenarioError
        If the number of workers cannot be used.
    StoreError
        If there is no such folder, or a block is missing, truncated or altered.
    """
    check_workers(workers)
    folder = open_folder(Path(path))
    scenario = folder.manifest.to_scenario()
    present = folder.present()
    missing = [block for block in folder.planned() if block not in present]
    if not present or (missing and not partial):
        raise StoreError(
            f"{folder.path}: {len(missing):,} of {len(folder.planned()):,} blocks are missing, the "
            f"first with trials {missing[0].start:,} to {missing[0].stop - 1:,}; simulate run goes "
            "on with them" + (", simulate show --partial shows the others" if present else "")
        )
    if missing:
        trials = sum(block.stop - block.start for block in present)
        scenario = with_simulation(scenario, trials, None)
    result = read_run(folder, scenario, present, workers=workers, progress=progress)
    return replace(result, planned_trials=folder.manifest.trials) if missing else result


def read_run(
    folder: RunFolder,
    scenario: Scenario,
    files: dict[Block, Path],
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Result:
    """Work out the operating characteristics of blocks that are there.

    Parameters
    ----------
    folder : RunFolder
        What the files must be of; they need not be in it.
    scenario : Scenario
        What judges them, with as many trials as they have.
    files : dict of Block to Path
        The blocks and their files.
    workers, progress
        As for `run`.

    Raises
    ------
    StoreError
        If a block is truncated, altered, or of another run.
    """
    work = replace(work_on(scenario, folder), present=files, repairs=False)
    done = over_blocks(work, sorted(files), workers=workers, progress=progress)
    return result_of(scenario, sorted(files), counted(done, Counts()))
