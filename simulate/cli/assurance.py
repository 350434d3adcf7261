"""simulate assurance: the probability of success over all truths, beside what plug-ins say."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from simulate.cli.common import (
    NUMBERS,
    WHOLE,
    InterruptedRun,
    compile_engine,
    file_argument,
    json_option,
    logs_on,
    open_console,
    options_named,
    print_json,
    quiet_option,
    seed_option,
    set_option,
    workers_option,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from simulate.results.assurance import Assurance

SUFFIXES = (".json", ".csv")


@click.command(short_help="Simulate the assurance of the trial in FILE, beside plug-ins.")
@file_argument
@click.option(
    "--discounts",
    type=NUMBERS,
    metavar="D,D",
    help="Columns: hazards of progression and death are divided by these; default: the "
    "scenario's own.",
)
@click.option(
    "--arm",
    "arms",
    multiple=True,
    metavar="NAME",
    help="Discount this arm; default: the experimental arms of the hypotheses. Repeatable.",
)
@click.option("--trials", type=WHOLE, help="Number of trials a figure, instead of the scenario's.")
@seed_option
@workers_option
@set_option
@click.option("--out", type=click.Path(), metavar="FILE", help="Write a .json or .csv file, too.")
@json_option
@quiet_option
def assurance(
    file: str,
    discounts: tuple[float, ...] | None,
    arms: Sequence[str],
    trials: int | None,
    seed: int | None,
    workers: int | None,
    overrides: Sequence[str],
    out: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Simulate the assurance of the trial in FILE, beside the power that plug-ins give.

    Assurance is the probability of rejecting over all truths of the scenario: the members of an
    ensemble, or distributions of arms. A plug-in takes one of them for the truth. One table: a row
    a calibration, a column a discount; all with the same seed and so the same patients.
    """
    from pathlib import Path

    from simulate import api
    from simulate.api.assurance import check_assurance, n_runs
    from simulate.report.assurance import print_assurance
    from simulate.report.progress import progress_of

    target = None if out is None else _checked(Path(out))
    scenario = api.with_simulation(api.load_scenario(file, overrides), trials, seed)
    check_assurance(scenario)
    stderr = open_console(stderr=True, quiet=quiet)
    logs_on(stderr)
    n_trials = scenario.simulation.trials * n_runs(scenario, discounts)
    try:
        compile_engine(stderr)
        started = time.monotonic()
        with options_named(), progress_of(n_trials, stderr) as progress:
            found = api.assurance(
                scenario, discounts, arms=arms or None, workers=workers, progress=progress
            )
    except KeyboardInterrupt:
        raise InterruptedRun("interrupted; nothing was written") from None
    seconds = time.monotonic() - started
    if target is not None:
        _write(found, target)
    if as_json:
        print_json(found.to_json())
    else:
        print_assurance(found, open_console())
    stderr.print(f"{n_trials:,} simulated trials in {seconds:.1f} s")
    if target is not None:
        stderr.print(f"written: {target}", soft_wrap=True)


def _checked(target: Path) -> Path:
    """Refuse a file that could not be written, before anything is simulated."""
    from simulate.errors import Problem, ScenarioError

    if target.suffix not in SUFFIXES:
        raise ScenarioError([Problem("", "must end in .json or .csv", str(target), where="--out")])
    if not target.parent.is_dir():
        raise ScenarioError(
            [Problem("", "must be in a folder that exists", str(target), where="--out")]
        )
    return target


def _write(found: Assurance, target: Path) -> None:
    """Write the rows into a file."""
    import json

    from simulate.errors import SimulateError
    from simulate.report.assurance import assurance_csv

    if target.suffix == ".csv":
        text = assurance_csv(found)
    else:
        text = json.dumps(found.to_json(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        target.write_bytes(text.encode())
    except OSError as error:
        raise SimulateError(f"cannot write {target}: {error.strerror}") from None
