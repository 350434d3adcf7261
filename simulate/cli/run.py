"""simulate run: simulate a scenario and print what comes out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from simulate.cli.common import (
    InterruptedRun,
    check_pictures,
    compile_engine,
    file_argument,
    json_option,
    logs_on,
    open_console,
    options_named,
    print_drawn,
    print_json,
    quiet_option,
    seed_option,
    set_option,
    trials_option,
    workers_option,
)
from simulate.runner.files import size_in_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from simulate.api import Counts, Shard
    from simulate.results.result import Result
    from simulate.runner.folder import RunFolder
    from simulate.scenario.models import Scenario


class ShardNumber(click.ParamType["Shard"]):
    """A shard, such as 3/100."""

    name = "k/n"

    def convert(
        self, value: str | Shard, param: click.Parameter | None, ctx: click.Context | None
    ) -> Shard:
        """Read the shard, or say what it should be."""
        from simulate.api import Shard, check_shard
        from simulate.errors import ScenarioError

        if isinstance(value, Shard):
            return value
        number, _, of = value.partition("/")
        try:
            shard = Shard(int(number), int(of))
            check_shard(shard)
        except (ValueError, ScenarioError):
            raise click.BadParameter(
                f"must be k/n with 1 <= k <= n, such as 3/100 (given: {value})"
            ) from None
        return shard


@click.command(short_help="Simulate the trial in FILE and print what comes out.")
@file_argument
@trials_option
@click.option(
    "--until-mcse",
    type=float,
    metavar="E",
    help="Stop once the Monte Carlo standard error of every power is at most this; --trials is "
    "then the most there may be (default: 1,000,000).",
)
@seed_option
@workers_option
@set_option
@click.option(
    "--out",
    type=click.Path(),
    metavar="DIR",
    help="Run folder: blocks are stored there; the same command does only what is missing.",
)
@click.option(
    "--keep",
    type=click.Choice(["rows", "summary"]),
    default="rows",
    help="What the folder keeps: a row a test and trial, or sums and counts only.",
)
@click.option("--shard", type=ShardNumber(), help="Do only shard k of n of the blocks, e.g. 3/100.")
@click.option(
    "--cluster",
    metavar="ADDRESS",
    help='A dask scheduler, or "local" for dask workers here; needs the extra dask.',
)
@click.option("--figure", type=click.Path(), help="Draw the result into this PNG, SVG or PDF.")
@click.option(
    "--looks",
    type=click.Path(),
    help="Draw months of looks and numbers of events into this PNG, SVG or PDF.",
)
@json_option
@quiet_option
def run(
    file: str,
    trials: int | None,
    until_mcse: float | None,
    seed: int | None,
    workers: int | None,
    overrides: Sequence[str],
    out: str | None,
    keep: str,
    shard: Shard | None,
    cluster: str | None,
    figure: str | None,
    looks: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Simulate the trial in FILE and print its operating characteristics.

    With --out, every finished block of trials is stored in a run folder. The same command goes on
    after an interruption, and more --trials extend the folder.
    """
    from simulate import api
    from simulate.report.progress import progress_of

    check_pictures(figure=figure, looks=looks)
    _check_options(out, keep, shard, (figure, looks), as_json)
    scenario = api.load_scenario(file, overrides)
    trials = _most_trials(scenario, trials, until_mcse, shard)
    scenario = api.with_simulation(scenario, trials, seed)
    _check_drawable(scenario, figure, looks)
    stderr = open_console(stderr=True, quiet=quiet)
    logs_on(stderr)
    _print_begin(scenario, out, keep, stderr, stops=until_mcse is not None)
    counts = api.Counts()
    options: dict[str, Any] = {
        "workers": workers,
        "cluster": cluster,
        "keep": keep,
        "counts": counts,
    }
    n_trials = api.trials_to_do(scenario, shard)
    try:
        compile_engine(stderr)
        started = time.monotonic()
        with progress_of(n_trials, stderr) as progress:
            if shard is not None and out is not None:
                folder = api.run_shard(scenario, out, shard, progress=progress, **options)
            else:
                result = api.run(
                    scenario,
                    trials=trials,
                    out=out,
                    until_mcse=until_mcse,
                    progress=progress,
                    **options,
                )
    except KeyboardInterrupt:
        raise InterruptedRun(_safe(out)) from None
    seconds = time.monotonic() - started
    if shard is not None:
        _print_shard(folder, shard, open_console())
    elif as_json:
        print_json(result.to_json())
    else:
        from simulate.report.text import print_result

        print_result(result, open_console())
    if figure is not None or looks is not None:
        _draw(result, figure, looks)
    _print_end(counts, seconds, out, stderr)
    if until_mcse is not None:
        _print_enough(result, until_mcse, stderr)
    print_drawn(stderr, figure, looks)


def _check_drawable(scenario: Scenario, figure: str | None, looks: str | None) -> None:
    """Refuse pictures that cannot be drawn, before anything is simulated."""
    from simulate.report import figure as drawing
    from simulate.report import looks_figure
    from simulate.report.pictures import check_path

    if figure is not None:
        check_path(figure)
        drawing.check_drawable(scenario)
    if looks is not None:
        looks_figure.check(scenario, looks)


def _draw(result: Result, figure: str | None, looks: str | None) -> None:
    """Draw what is asked for."""
    from simulate.report import figure as drawing
    from simulate.report import looks_figure

    if figure is not None:
        drawing.draw(result, figure)
    if looks is not None:
        looks_figure.draw_looks(result, looks)


def _check_options(
    out: str | None,
    keep: str,
    shard: Shard | None,
    pictures: tuple[str | None, str | None],
    as_json: bool,
) -> None:
    """Refuse options that do not go together."""
    if out is not None and not out.strip():
        raise click.UsageError("--out needs the name of a folder (given: an empty one)")
    if out is None and (shard is not None or keep != "rows"):
        raise click.UsageError(f"--{'keep' if shard is None else 'shard'} needs --out DIR")
    if shard is not None and (pictures != (None, None) or as_json):
        raise click.UsageError(
            "--shard reports nothing yet: use simulate show DIR --json, --figure or --looks when "
            "all are done"
        )


def _most_trials(
    scenario: Scenario, trials: int | None, until_mcse: float | None, shard: Shard | None
) -> int | None:
    """Trials that were asked for, or may be at most; refuse to stop early what cannot."""
    from simulate import api

    if until_mcse is None:
        return trials
    if shard is not None:
        raise click.UsageError("--until-mcse excludes --shard, which does not see the other shards")
    with options_named():
        api.check_until(scenario, until_mcse)
    return api.MOST_TRIALS_UNTIL if trials is None else trials


def _print_begin(
    scenario: Scenario, out: str | None, keep: str, stderr: Console, *, stops: bool
) -> None:
    """Say how large the folder will be, or may be if the run may stop early."""
    from simulate import api

    if out is not None:
        size = api.expected_bytes(scenario, "summary" if keep == "summary" else "rows")
        upto = "at most about" if stops else "about"
        stderr.print(f"{out}: {upto} {size_in_words(size)} when finished")


def _print_enough(result: Result, until_mcse: float, stderr: Console) -> None:
    """Say how many trials were enough, or that none were."""
    from simulate import api

    mcse = api.largest_mcse(result.scenario, result.tallies)
    n = result.scenario.simulation.trials
    largest = f"the largest standard error of a power is {mcse:.2g}"
    if mcse <= until_mcse:
        text = f"{n:,} trials were enough: {largest}"
    else:
        text = f"the {n:,} trials allowed are not enough: {largest}, asked for are {until_mcse:g}"
    stderr.print(text, soft_wrap=True)


def _safe(out: str | None) -> str:
    """What an interrupted run leaves."""
    from pathlib import Path

    from simulate.errors import SimulateError
    from simulate.runner.folder import open_folder

    if out is None:
        return "interrupted; nothing was written (--out DIR would have kept finished blocks)"
    try:
        # Not the blocks that came back from workers: there may be more.
        folder = open_folder(Path(out))
        done, planned = len(folder.present()), len(folder.planned())
    except SimulateError as error:
        return f"interrupted; {error}"
    return (
        f"interrupted; {done:,} of {planned:,} blocks are safe in {out}, and the same command goes "
        "on from them"
    )


def _print_shard(folder: RunFolder, shard: Shard, stdout: Console) -> None:
    """Say what a shard has done and what is missing in its folder."""
    missing = len(folder.planned()) - len(folder.present())
    stdout.print(f"shard {shard.number} of {shard.of} is done")
    rest = f"{missing:,} of {len(folder.planned()):,} blocks are still missing in {folder.path}"
    done = f"all blocks are there: simulate show {folder.path}"
    stdout.print(rest if missing else done, soft_wrap=True)


def _print_end(counts: Counts, seconds: float, out: str | None, stderr: Console) -> None:
    """Say what was done, how long it took, and where it is."""
    n = counts.trials
    stderr.print(f"{n:,} trials in {seconds:.1f} s ({n / seconds:,.0f} a second)")
    for line in (*counts.changes, *counts.complaints):
        stderr.print(line, soft_wrap=True)
    if out is not None:
        stderr.print(
            f"{out}: {counts.simulated:,} blocks simulated, {counts.found:,} were there, "
            f"{len(counts.complaints):,} set aside; {size_in_words(counts.file_bytes)}",
            soft_wrap=True,
        )
