"""simulate size: the events, patients, hazard ratio or follow-up with which a trial has a power."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeVar

import click

from simulate.cli.common import (
    WHOLE,
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
    workers_option,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from simulate.studies.curve import Curve
    from simulate.studies.size import Size

F = TypeVar("F", "Curve", "Size")

# As in simulate.studies.levers, which takes time to import.
OVER = ("events", "patients", "hazard-ratio", "follow-up")
over_option = click.option(
    "--over",
    type=click.Choice(OVER),
    required=True,
    help="What is varied: the events of the final look, the planned patients, the true hazard "
    "ratio, or the months of the final look.",
)
hypothesis_option = click.option(
    "--hypothesis", metavar="NAME", help="Whose power; needed where there are several."
)
scale_option = click.option(
    "--scale/--no-scale",
    default=None,
    help="Change all numbers of patients and events in proportion, or only the one. Default: "
    "--scale over patients, --no-scale over events.",
)


@click.command()
@file_argument
@click.option("--power", type=float, required=True, help="Power to be reached.")
@over_option
@hypothesis_option
@scale_option
@click.option("--from", "low", type=float, help="Smallest value to look at.")
@click.option("--to", "high", type=float, help="Largest value to look at.")
@click.option(
    "--precision",
    type=float,
    default=0.01,
    show_default=True,
    help="Half-width of the 95% interval at which the search ends, as a share of the answer.",
)
@click.option(
    "--max-trials",
    type=WHOLE,
    default=1_000_000,
    show_default=True,
    help="Trials it may take in all.",
)
@seed_option
@workers_option
@set_option
@click.option("--figure", type=click.Path(), help="Draw the search into this PNG, SVG or PDF file.")
@click.option("--csv", "as_csv", is_flag=True, help="Print all points as CSV, nothing else.")
@json_option
@quiet_option
def size(
    file: str,
    power: float,
    over: str,
    hypothesis: str | None,
    scale: bool | None,
    low: float | None,
    high: float | None,
    precision: float,
    max_trials: int,
    seed: int | None,
    workers: int | None,
    overrides: Sequence[str],
    figure: str | None,
    as_csv: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Find by simulation what the trial in FILE needs for a power.

    Where nothing in the range has the power, that and the reason are the answer, with exit code 0
    and null in JSON.
    """
    from simulate import api
    from simulate.report import curve_figure as drawing
    from simulate.report.pictures import check_path
    from simulate.report.size import print_size

    check_formats(as_csv, as_json)
    if figure is not None:
        check_path(figure)
    stderr = open_console(stderr=True, quiet=quiet)
    logs_on(stderr)
    compile_engine(stderr)
    started = time.monotonic()
    with options_named():
        found = api.size(
            file,
            power,
            over=over,
            hypothesis=hypothesis,
            scale=scale,
            low=low,
            high=high,
            precision=precision,
            max_trials=max_trials,
            seed=seed,
            workers=workers,
            overrides=overrides,
            tell=lambda line: stderr.print(line, soft_wrap=True),
        )
    seconds = max(time.monotonic() - started, 1e-9)
    print_found(found, found.curve, print_size, as_csv, as_json)
    if figure is not None:
        drawing.draw_size(found, figure)
    n = found.n_trials
    stderr.print(f"{n:,} trials in {seconds:.1f} s ({n / seconds:,.0f} a second)")
    print_drawn(stderr, figure)


def check_formats(as_csv: bool, as_json: bool) -> None:
    """Refuse two formats at once."""
    if as_csv and as_json:
        raise click.UsageError("--csv and --json exclude each other")


def print_found(
    found: F,
    rows: Sequence[dict[str, Any]],
    in_words: Callable[[F, Console], None],
    as_csv: bool,
    as_json: bool,
) -> None:
    """Print what was found in words, as JSON, or its points alone as CSV."""
    if as_json:
        print_json(found.to_json())
    elif as_csv:
        from simulate.report.size import rows_csv

        click.echo(rows_csv(rows), nl=False)
    else:
        in_words(found, open_console())
