"""simulate run: simulate a scenario and print what comes out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from simulate.cli.common import (
    WHOLE,
    compile_engine,
    file_argument,
    open_console,
    print_json,
    set_option,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.command()
@file_argument
@click.option("--trials", type=WHOLE, help="Number of trials, instead of the scenario's.")
@click.option("--seed", type=WHOLE, help="Seed, instead of the scenario's.")
@click.option("--workers", type=WHOLE, help="Processes; default: one a core.")
@set_option
@click.option("--figure", type=click.Path(), help="Draw the result into this PNG or SVG file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, nothing else.")
@click.option("--quiet", is_flag=True, help="No progress on standard error.")
def run(
    file: str,
    trials: int | None,
    seed: int | None,
    workers: int | None,
    overrides: Sequence[str],
    figure: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Simulate the trial in FILE and print its operating characteristics."""
    from simulate import api
    from simulate.report import figure as drawing
    from simulate.report.progress import progress_of

    scenario = api.load_scenario(file, overrides)
    scenario = api.with_simulation(scenario, trials, seed)
    if figure is not None:
        drawing.check_path(figure)
    stderr = open_console(stderr=True, quiet=quiet)
    compile_engine(stderr)
    started = time.monotonic()
    with progress_of(scenario.simulation.trials, stderr) as progress:
        result = api.run(scenario, workers=workers, progress=progress)
    seconds = time.monotonic() - started
    if figure is not None:
        drawing.draw(result, figure)
    if as_json:
        print_json(result.to_json())
    else:
        from simulate.report.text import print_result

        print_result(result, open_console())
    n = scenario.simulation.trials
    stderr.print(f"{n:,} trials in {seconds:.1f} s ({n / seconds:,.0f} a second)", highlight=False)
    if figure is not None:
        stderr.print(f"drawn: {figure}", highlight=False)
