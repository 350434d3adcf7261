"""simulate curve: power over one figure of a trial."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import click

from simulate.cli.common import (
    NUMBERS,
    compile_engine,
    file_argument,
    json_option,
    logs_on,
    open_console,
    options_named,
    print_drawn,
    quiet_option,
    seed_option,
    set_option,
    trials_option,
    workers_option,
)
from simulate.cli.size import (
    check_formats,
    hypothesis_option,
    over_option,
    print_found,
    scale_option,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

ROUNDING = 1e-9


@click.command(short_help="Simulate the power of the trial in FILE over one figure of it.")
@file_argument
@over_option
@click.option("--values", type=NUMBERS, metavar="V,V", help="Values, or instead of them:")
@click.option("--from", "low", type=float, help="Smallest value.")
@click.option("--to", "high", type=float, help="Largest value.")
@click.option("--step", type=float, help="Distance of the values.")
@hypothesis_option
@scale_option
@trials_option
@seed_option
@workers_option
@set_option
@click.option("--figure", type=click.Path(), help="Draw the curve into this PNG, SVG or PDF file.")
@click.option("--csv", "as_csv", is_flag=True, help="Print all values as CSV, nothing else.")
@json_option
@quiet_option
def curve(
    file: str,
    over: str,
    values: tuple[float, ...] | None,
    low: float | None,
    high: float | None,
    step: float | None,
    hypothesis: str | None,
    scale: bool | None,
    trials: int | None,
    seed: int | None,
    workers: int | None,
    overrides: Sequence[str],
    figure: str | None,
    as_csv: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Simulate the power of the trial in FILE over a range of one of its figures.

    Where the figure moves its only look, one set of trials has a look at each value; else each
    value has a run of its own with the same patients.
    """
    from simulate import api
    from simulate.report import curve_figure as drawing
    from simulate.report.pictures import check_path
    from simulate.report.progress import progress_of
    from simulate.report.size import print_curve

    check_formats(as_csv, as_json)
    if figure is not None:
        check_path(figure)
    chosen = _values(values, low, high, step)
    stderr = open_console(stderr=True, quiet=quiet)
    logs_on(stderr)
    with options_named():
        lever, rising = api.planned_curve(
            file, chosen, over, hypothesis, scale, trials, seed, overrides
        )
    n_trials = api.trials_of_curve(lever, rising)
    compile_engine(stderr)
    started = time.monotonic()
    with options_named(), progress_of(n_trials, stderr) as progress:
        found = api.power_curve(
            lever.scenario,
            rising,
            over=over,
            hypothesis=lever.hypothesis,
            scale=lever.scaled,
            workers=workers,
            progress=progress,
        )
    seconds = max(time.monotonic() - started, 1e-9)
    print_found(found, found.rows, print_curve, as_csv, as_json)
    if figure is not None:
        drawing.draw_curve(found, figure)
    stderr.print(f"{n_trials:,} trials in {seconds:.1f} s ({n_trials / seconds:,.0f} a second)")
    print_drawn(stderr, figure)


def _values(
    values: tuple[float, ...] | None, low: float | None, high: float | None, step: float | None
) -> list[float]:
    """Values that were asked for, one way or the other."""
    from simulate.errors import Problem, ScenarioError
    from simulate.studies.curve import MOST_VALUES

    ends = (low, high, step)
    if (values is None) == all(end is None for end in ends):
        raise click.UsageError("give --values, or --from, --to and --step")
    if values is not None:
        return list(values)
    if low is None or high is None or step is None:
        raise click.UsageError("--from, --to and --step belong together")
    if not (math.isfinite(low) and math.isfinite(high) and step > 0.0 and low < high):
        given = f"from {low:g} to {high:g} by {step:g}"
        rule = "must be numbers that rise, by a step above 0"
        raise ScenarioError([Problem("", rule, given, where="--from, --to, --step")])
    number = math.floor((high - low) / step + ROUNDING) + 1
    if number > MOST_VALUES:
        rule = f"must give at most {MOST_VALUES} values"
        raise ScenarioError([Problem("", rule, f"{number:,}", where="--from, --to, --step")])
    # In decimals, as they were given: 0.1 three times is 0.3.
    return [float(f"{low + k * step:.12g}") for k in range(number)]
