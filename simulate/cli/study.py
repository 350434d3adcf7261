"""simulate study: every cell of a grid over a scenario, and one table of all."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from simulate.cli.common import (
    WHOLE,
    InterruptedRun,
    check_pictures,
    compile_engine,
    file_argument,
    json_option,
    logs_on,
    open_console,
    print_drawn,
    print_json,
    quiet_option,
    seed_option,
    set_option,
    workers_option,
)
from simulate.cli.run import ShardNumber
from simulate.runner.files import size_in_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from simulate.api import Counts, Shard
    from simulate.studies.folder import StudyFolder
    from simulate.studies.grid import Grid


@click.command(short_help="Simulate every cell of the study in FILE: one table.")
@file_argument
@click.option("--trials", type=WHOLE, help="Number of trials a cell, instead of the scenario's.")
@seed_option
@workers_option
@set_option
@click.option(
    "--out",
    type=click.Path(),
    metavar="DIR",
    help="Study folder: a run folder a cell and the table; the same command does only what is "
    "missing.",
)
@click.option(
    "--keep",
    type=click.Choice(["rows", "summary"]),
    default="rows",
    help="What the run folders keep: a row a test and trial, or sums and counts only.",
)
@click.option("--shard", type=ShardNumber(), help="Do only shard k of n of the blocks, e.g. 3/100.")
@click.option(
    "--cluster",
    metavar="ADDRESS",
    help='A dask scheduler, or "local" for dask workers here; needs the extra dask.',
)
@click.option("--max-cells", type=WHOLE, metavar="N", help="Allow so many cells; default: 1,000.")
@click.option("--figure", type=click.Path(), help="Draw the power into this PNG, SVG or PDF.")
@click.option(
    "--tornado",
    type=click.Path(),
    help="Draw how far each axis alone moves the power into this PNG, SVG or PDF.",
)
@click.option("--heatmap", is_flag=True, help="Draw a heat map of the two first axes only.")
@click.option("--csv", "as_csv", is_flag=True, help="Print the whole table as CSV, nothing else.")
@json_option
@quiet_option
def study(
    file: str,
    trials: int | None,
    seed: int | None,
    workers: int | None,
    overrides: Sequence[str],
    out: str | None,
    keep: str,
    shard: Shard | None,
    cluster: str | None,
    max_cells: int | None,
    figure: str | None,
    tornado: str | None,
    heatmap: bool,
    as_csv: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Simulate every cell of the study in FILE and print a table, a row a cell.

    FILE is a scenario with a table [study]: axes of values that are set in it. All cells have the
    same seed and so the same patients. All are checked before any is simulated.
    """
    from simulate import api
    from simulate.report import study_figure, tornado_figure
    from simulate.report.progress import progress_of
    from simulate.studies.grid import MOST_CELLS

    check_pictures(figure=figure, tornado=tornado)
    _check_options(out, keep, shard, (figure, tornado), heatmap, (as_csv, as_json))
    most_cells = MOST_CELLS if max_cells is None else max_cells
    grid = api.planned_grid(file, overrides, trials, seed, most_cells)
    if figure is not None:
        study_figure.check(grid, figure, heatmap=heatmap)
    if tornado is not None:
        tornado_figure.check(grid, tornado)
    stderr = open_console(stderr=True, quiet=quiet)
    logs_on(stderr)
    counts = api.Counts()
    options: dict[str, Any] = {
        "workers": workers,
        "cluster": cluster,
        "keep": keep,
        "counts": counts,
    }
    n_trials = api.trials_of_study(grid, shard, "summary" if keep == "summary" else "rows")
    try:
        compile_engine(stderr)
        started = time.monotonic()
        with progress_of(n_trials, stderr) as progress:
            if shard is not None and out is not None:
                folder = api.study_shard(grid, out, shard, progress=progress, **options)
            else:
                found = api.study(grid, out=out, progress=progress, **options)
    except KeyboardInterrupt:
        raise InterruptedRun(_safe(grid, out)) from None
    seconds = time.monotonic() - started
    if shard is not None:
        _print_shard(folder, shard, open_console())
    elif as_json:
        print_json(found.to_json())
    elif as_csv:
        from simulate.studies.folder import table_csv

        click.echo(table_csv(found), nl=False)
    else:
        from simulate.report.study import print_study

        print_study(found, open_console())
    if figure is not None:
        study_figure.draw_study(found, figure, heatmap=heatmap)
    if tornado is not None:
        tornado_figure.draw_tornado(found, tornado)
    _print_end(grid, counts, seconds, out, stderr)
    print_drawn(stderr, figure, tornado)


def _check_options(
    out: str | None,
    keep: str,
    shard: Shard | None,
    pictures: tuple[str | None, str | None],
    heatmap: bool,
    formats: tuple[bool, bool],
) -> None:
    """Refuse options that do not go together."""
    if out is not None and not out.strip():
        raise click.UsageError("--out needs the name of a folder (given: an empty one)")
    if out is None and (shard is not None or keep != "rows"):
        raise click.UsageError(f"--{'keep' if shard is None else 'shard'} needs --out DIR")
    if shard is not None and (pictures != (None, None) or any(formats)):
        raise click.UsageError(
            "--shard reports nothing yet: when all are done, the same command without it does"
        )
    if heatmap and pictures[0] is None:
        raise click.UsageError("--heatmap needs --figure FILE")
    if all(formats):
        raise click.UsageError("--csv and --json exclude each other")


def _safe(grid: Grid, out: str | None) -> str:
    """What an interrupted study leaves."""
    from pathlib import Path

    from simulate.errors import SimulateError
    from simulate.studies.folder import study_folder

    if out is None:
        return "interrupted; nothing was written (--out DIR would have kept finished blocks)"
    try:
        done, planned = study_folder(Path(out), grid, "rows").n_blocks()
    except SimulateError as error:
        return f"interrupted; {error}"
    return (
        f"interrupted; {done:,} of {planned:,} blocks are safe in {out}, and the same command goes "
        "on from them"
    )


def _print_shard(folder: StudyFolder, shard: Shard, stdout: Console) -> None:
    """Say what a shard has done and what is missing in its folder."""
    from simulate.studies.contents import open_study

    found = open_study(folder.path)
    stdout.print(f"shard {shard.number} of {shard.of} is done")
    missing = f"{found.n_missing:,} of {found.n_planned:,} blocks are still missing in"
    complete = (
        f"all blocks are there: simulate show {folder.path}, or the same command without --shard, "
        "tells what is in them"
    )
    stdout.print(f"{missing} {folder.path}" if found.n_missing else complete, soft_wrap=True)


def _print_end(
    grid: Grid, counts: Counts, seconds: float, out: str | None, stderr: Console
) -> None:
    """Say what was done, how long it took, and where it is."""
    n = counts.trials
    rate = n / max(seconds, 1e-9)
    cells = f"{len(grid.cells):,} cells, "
    stderr.print(f"{cells}{n:,} trials in {seconds:.1f} s ({rate:,.0f} a second)")
    for line in (*counts.changes, *counts.complaints):
        stderr.print(line, soft_wrap=True)
    if out is not None:
        stderr.print(
            f"{out}: {counts.simulated:,} blocks simulated, {counts.found:,} were there, "
            f"{len(counts.complaints):,} set aside; {size_in_words(counts.file_bytes)}",
            soft_wrap=True,
        )
