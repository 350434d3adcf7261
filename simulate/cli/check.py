"""simulate check, simulate schema: what a scenario or evidence file says, and may say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from simulate.cli.common import (
    compile_engine,
    file_argument,
    open_console,
    print_json,
    set_option,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.command(short_help="Check FILE, and tell in words what it says.")
@file_argument
@set_option
@click.option(
    "--shapes",
    is_flag=True,
    help="Of an evidence file: find Weibull shapes of medians with limits by simulating the trial.",
)
def check(file: str, overrides: Sequence[str], shapes: bool) -> None:
    """Check FILE, and tell in words what it says with what closed forms make of it.

    FILE is a scenario, or published evidence.
    """
    from simulate.scenario.files import is_evidence, read_tables

    if is_evidence(read_tables(file).data):
        _check_evidence(file, overrides, shapes)
        return
    from simulate.report.text import print_check
    from simulate.scenario.load import load_scenario

    if shapes:
        raise click.UsageError("--shapes is for evidence files")
    console = open_console()
    scenario = load_scenario(file, overrides)
    if scenario.study is None:
        print_check(scenario, console)
        return
    from simulate.report.study import print_grid
    from simulate.studies.grid import load_grid

    # First, so that what is wrong with a cell is told alone.
    grid = load_grid(file, overrides)
    print_check(scenario, console)
    print_grid(grid, console)


def _check_evidence(file: str, overrides: Sequence[str], shapes: bool) -> None:
    from simulate.calibration.load import load_evidence
    from simulate.report.evidence import print_evidence

    evidence = load_evidence(file, overrides)
    found = {}
    if shapes:
        from simulate.api.evidence import weibull_shapes

        compile_engine(open_console(stderr=True))
        found = weibull_shapes(evidence)
    print_evidence(evidence, open_console(), found)


@click.command()
@click.option("--evidence", is_flag=True, help="Of evidence files instead.")
def schema(evidence: bool) -> None:
    """Print the JSON Schema of scenario files."""
    if evidence:
        from simulate.calibration.evidence import evidence_schema

        print_json(evidence_schema())
        return
    from simulate.scenario.models import json_schema

    print_json(json_schema())
