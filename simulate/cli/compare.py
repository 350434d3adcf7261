"""simulate compare: two runs with one seed, trial by trial."""

from __future__ import annotations

from pathlib import Path

import click

from simulate.cli.common import json_option, open_console, print_json


@click.command()
@click.argument("folder_a", metavar="DIR_A", type=click.Path(path_type=Path))
@click.argument("folder_b", metavar="DIR_B", type=click.Path(path_type=Path))
@json_option
def compare(folder_a: Path, folder_b: Path, as_json: bool) -> None:
    """Compare the run folders DIR_A and DIR_B trial by trial.

    Two scenarios simulated with one seed share their patients: the difference between them is far
    more precise than the difference between two independent runs. Differences are B less A.
    """
    from simulate.results.compare import compare_folders
    from simulate.runner.folder import open_folder

    runs = compare_folders(open_folder(folder_a), open_folder(folder_b))
    if as_json:
        print_json(runs.to_json())
    else:
        from simulate.report.compare import print_comparison

        print_comparison(runs, open_console())
