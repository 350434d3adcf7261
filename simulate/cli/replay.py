"""simulate replay: make one trial of a run again and show it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from simulate.cli.common import (
    WHOLE,
    compile_engine,
    file_argument,
    json_option,
    open_console,
    print_json,
    seed_option,
    set_option,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.command(short_help="Make one trial of FILE again, with its looks and patients.")
@file_argument
@click.option("--trial", type=WHOLE, required=True, help="Number of the trial, from 0.")
@seed_option
@set_option
@click.option(
    "--analysis", metavar="NAME", help="Where to cut the data; default: where the trial ended."
)
@click.option(
    "--csv",
    "csv_path",
    metavar="PATH",
    help="Write the patients into this CSV file; - prints them.",
)
@click.option(
    "--figure", type=click.Path(), help="Draw the survival curves into this PNG, SVG or PDF."
)
@json_option
def replay(
    file: str,
    trial: int,
    seed: int | None,
    overrides: Sequence[str],
    analysis: str | None,
    csv_path: str | None,
    figure: str | None,
    as_json: bool,
) -> None:
    """Make one trial of FILE again: its looks, its patients, its survival curves."""
    from simulate import api
    from simulate.errors import Problem, ScenarioError
    from simulate.report import kaplan_meier
    from simulate.report import replay as report
    from simulate.report.pictures import check_path
    from simulate.results.replayed import replay_trial

    scenario = api.with_simulation(api.load_scenario(file, overrides), None, seed)
    prints_csv = csv_path == report.STANDARD_OUTPUT
    if prints_csv and as_json:
        rule = "must name a file beside --json: standard output holds one of them"
        raise ScenarioError([Problem("", rule, "-", where="--csv")])
    if csv_path is not None:
        report.check_csv_path(csv_path)
    if figure is not None:
        check_path(figure)
    stderr = open_console(stderr=True)
    compile_engine(stderr)
    replayed = replay_trial(scenario, trial)
    needs_cut = any(option is not None for option in (analysis, csv_path, figure))
    cut = replayed.cut(analysis) if needs_cut or replayed.last_analysis else None
    if cut is not None and csv_path is not None and not prints_csv:
        report.save_csv(replayed, cut, csv_path)
        stderr.print(f"written: {csv_path}")
    if cut is not None and figure is not None:
        kaplan_meier.draw(replayed, cut, figure)
        stderr.print(f"drawn: {figure}")
    if cut is not None and prints_csv:
        report.write_csv(replayed, cut, sys.stdout)
    elif as_json:
        print_json(replayed.to_json(cut))
    else:
        report.print_replay(replayed, cut, open_console())
