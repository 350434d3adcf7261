"""simulate calibrate: from published figures to an ensemble of patient models."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from simulate.cli.common import (
    WHOLE,
    InterruptedRun,
    compile_engine,
    file_argument,
    json_option,
    open_console,
    print_json,
    quiet_option,
    set_option,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@click.command(short_help="Fit a patient model to the published figures in FILE.")
@file_argument
@click.option("--out", type=click.Path(), metavar="FILE", help="Default: FILE with .parquet.")
@click.option("--seed", type=WHOLE, help="Seed, instead of the evidence's.")
@click.option("--workers", type=WHOLE, help="Threads; default: one a core.")
@set_option
@click.option(
    "--coverage",
    type=WHOLE,
    metavar="N",
    help="Then fit N data sets simulated from the ensemble, and show what intervals cover.",
)
@click.option("--figure", type=click.Path(), help="Draw the fit into this PNG, SVG or PDF.")
@json_option
@quiet_option
def calibrate(
    file: str,
    out: str | None,
    seed: int | None,
    workers: int | None,
    overrides: Sequence[str],
    coverage: int | None,
    figure: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Fit a patient model to the published figures in the evidence FILE.

    Shows whether replicates of the published trial reproduce its figures, and stores an ensemble
    of equally likely models, which scenarios name.
    """
    from pathlib import Path

    from simulate import api
    from simulate.calibration.calibrate import n_replicates
    from simulate.report.calibration import (
        calibration_json,
        print_calibration,
        print_recovery,
        recovery_json,
    )
    from simulate.report.calibration_figure import draw_calibration
    from simulate.report.pictures import check_path
    from simulate.report.progress import progress_of

    evidence = api.load_evidence(file, overrides)
    target = Path(file).with_suffix(".parquet") if out is None else Path(out)
    check_target(target)
    check_coverage(coverage)
    if figure is not None:
        check_path(figure)
    stderr = open_console(stderr=True, quiet=quiet)
    try:
        compile_engine(stderr)
        started = time.monotonic()
        with progress_of(n_replicates(evidence), stderr) as progress:
            found = api.calibrate(evidence, seed=seed, workers=workers, progress=progress)
        recovery = None
        if coverage is not None:
            with progress_of(api.trials_of_recovery(coverage), stderr) as progress:
                recovery = api.recover(found, coverage, workers=workers, progress=progress)
    except KeyboardInterrupt:
        raise InterruptedRun("interrupted; nothing was written") from None
    seconds = time.monotonic() - started
    api.write_ensemble(found, target)
    if figure is not None:
        draw_calibration(found, figure)
    if as_json:
        covered = {} if recovery is None else {"recovery": recovery_json(recovery)}
        print_json(calibration_json(found) | {"ensemble": str(target)} | covered)
    else:
        stdout = open_console()
        print_calibration(found, stdout)
        if recovery is not None:
            print_recovery(recovery, stdout)
    members = len(found.members)
    stderr.print(f"{target}: {members:,} members, for scenarios to name", soft_wrap=True)
    stderr.print(f"{n_replicates(evidence):,} simulated trials in {seconds:.1f} s")
    if figure is not None:
        stderr.print(f"drawn: {figure}")


def check_coverage(coverage: int | None) -> None:
    """Refuse a number of data sets that is none."""
    if coverage is not None and coverage < 1:
        raise click.BadParameter(f"must be at least 1 (given: {coverage})", param_hint="--coverage")


def check_target(target: Path) -> None:
    """Refuse a file that could not be written, before anything is simulated."""
    from simulate.errors import Problem, ScenarioError

    if target.suffix != ".parquet":
        raise ScenarioError([Problem("", "must end in .parquet", str(target), where="--out")])
    if not target.parent.is_dir():
        raise ScenarioError(
            [Problem("", "must be in a folder that exists", str(target), where="--out")]
        )
