"""What simulate status and show do with the folder of a study."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from simulate.cli.common import open_console, print_drawn, print_json

if TYPE_CHECKING:
    from pathlib import Path


def study_status(folder: Path, *, as_json: bool) -> bool:
    """Print what the study folder holds, and say whether it is complete."""
    from simulate.report import study_status as report
    from simulate.studies.contents import open_study

    contents = open_study(folder)
    if as_json:
        print_json(report.status_json(contents))
    else:
        report.print_status(contents, str(folder), open_console())
    return report.is_complete(contents)


def show_study(
    folder: Path,
    form: str,
    *,
    partial: bool,
    workers: int | None,
    quiet: bool,
    figure: str | None,
    tornado: str | None,
) -> None:
    """Print the table of the study folder, as `simulate study` prints it, and draw it."""
    from simulate import api
    from simulate.report import study_figure, tornado_figure
    from simulate.report.progress import progress_of
    from simulate.studies.contents import open_study

    if form == "markdown":
        raise click.UsageError("a study has no --format markdown: give table, json or csv")
    if partial and (figure is not None or tornado is not None):
        raise click.UsageError("a picture of a study needs all its cells: leave --partial out")
    contents = open_study(folder)
    if figure is not None or tornado is not None:
        grid = api.grid_of(contents)
        if figure is not None:
            study_figure.check(grid, figure)
        if tornado is not None:
            tornado_figure.check(grid, tornado)
    stderr = open_console(stderr=True, quiet=quiet)
    n_trials = contents.manifest.trials * len(contents.cells)
    with progress_of(n_trials, stderr) as progress:
        found = api.load_study(folder, partial=partial, workers=workers, progress=progress)
    if form == "json":
        print_json(found.to_json())
    elif form == "csv":
        from simulate.studies.folder import table_csv

        click.echo(table_csv(found), nl=False)
    else:
        from simulate.report.study import print_study

        print_study(found, open_console())
    if figure is not None:
        study_figure.draw_study(found, figure)
    if tornado is not None:
        tornado_figure.draw_tornado(found, tornado)
    print_drawn(stderr, figure, tornado)
