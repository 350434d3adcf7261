"""simulate status, show, verify, merge: what run folders, and the first two what studies, hold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from simulate.cli.common import (
    WHOLE,
    check_pictures,
    compile_engine,
    json_option,
    open_console,
    print_drawn,
    print_json,
    quiet_option,
    workers_option,
)
from simulate.cli.study_folders import show_study, study_status
from simulate.runner.files import size_in_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulate.runner.execute import Block

MOST_LISTED = 10
folder_argument = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))


@click.command(short_help="Tell what the run or study folder DIR holds and lacks.")
@folder_argument
@json_option
@click.pass_context
def status(context: click.Context, folder: Path, as_json: bool) -> None:
    """Tell what the run or study folder DIR holds and what is missing.

    Looks at names only; simulate verify reads the files. Of a study it tells so of each cell. Exit
    code 1 if anything is missing or does not belong there.
    """
    from simulate.runner.folder import has_study, open_folder

    if has_study(folder):
        context.exit(0 if study_status(folder, as_json=as_json) else 1)
    found = open_folder(folder)
    manifest, present, strange = found.manifest, found.present(), found.strange()
    missing = [block for block in found.planned() if block not in present]
    stored = sum(file.stat().st_size for file in present.values())
    if as_json:
        print_json(
            {
                "format": "simulate-status",
                "format_version": 1,
                "title": manifest.scenario["title"],
                "data_hash": manifest.data_hash,
                "design_hash": manifest.design_hash,
                "seed": manifest.seed,
                "trials": manifest.trials,
                "keep": manifest.keep,
                "blocks_planned": len(found.planned()),
                "blocks_present": len(present),
                "bytes": stored,
                "missing": [list(block) for block in missing],
                "strange": [file.name for file in strange],
            }
        )
    else:
        for line in (
            manifest.scenario["title"],
            f"seed {manifest.seed}, {manifest.trials:,} trials, keeps {manifest.keep}",
            f"{len(present):,} of {len(found.planned()):,} blocks, {size_in_words(stored)}",
            *_listed("missing: ", [_trials(block) for block in missing]),
            *_listed("does not belong here: ", [file.name for file in strange]),
            f"set aside in {found.rejected}" if found.rejected.is_dir() else "",
            "" if missing else f"all there: simulate show {folder}",
        ):
            if line:
                click.echo(line)
    context.exit(1 if missing or strange else 0)


@click.command(short_help="Print the result in the run or study folder DIR.")
@folder_argument
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv", "markdown"]),
    default="table",
    help="How to print; default: table.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--partial", is_flag=True, help="Take the blocks there are though some are missing.")
@workers_option
@click.option("--figure", type=click.Path(), help="Draw the result into this PNG, SVG or PDF.")
@click.option(
    "--looks",
    type=click.Path(),
    help="Draw months of looks and numbers of events into this PNG, SVG or PDF.",
)
@click.option(
    "--tornado",
    type=click.Path(),
    help="Of a study: draw how far each axis alone moves the power into this PNG, SVG or PDF.",
)
@quiet_option
def show(
    folder: Path,
    form: str,
    as_json: bool,
    partial: bool,
    workers: int | None,
    figure: str | None,
    looks: str | None,
    tornado: str | None,
    quiet: bool,
) -> None:
    """Print the operating characteristics of the run folder DIR, or the table of the study in it.

    Nothing is simulated, and no scenario file is needed.
    """
    from simulate import api
    from simulate.report import figure as drawing
    from simulate.report import looks_figure
    from simulate.report.pictures import check_path
    from simulate.report.progress import progress_of
    from simulate.runner.folder import has_study, open_folder

    check_pictures(figure=figure, looks=looks, tornado=tornado)
    form = "json" if as_json else form
    if has_study(folder):
        if looks is not None:
            raise click.UsageError("--looks is for run folders: the cells of a study are such")
        show_study(
            folder,
            form,
            partial=partial,
            workers=workers,
            quiet=quiet,
            figure=figure,
            tornado=tornado,
        )
        return
    if tornado is not None:
        raise click.UsageError("--tornado is for study folders")
    if figure is not None:
        check_path(figure)
        drawing.check_drawable(open_folder(folder).manifest.to_scenario())
    if looks is not None:
        looks_figure.check(open_folder(folder).manifest.to_scenario(), looks)
    stderr = open_console(stderr=True, quiet=quiet)
    with progress_of(open_folder(folder).manifest.trials, stderr) as progress:
        result = api.load_run(folder, partial=partial, workers=workers, progress=progress)
    if form == "json":
        print_json(result.to_json())
    elif form == "table":
        from simulate.report.text import print_result

        print_result(result, open_console())
    else:
        from simulate.report.formats import to_csv, to_markdown

        click.echo(to_csv(result) if form == "csv" else to_markdown(result), nl=False)
    if figure is not None:
        drawing.draw(result, figure)
    if looks is not None:
        looks_figure.draw_looks(result, looks)
    print_drawn(stderr, figure, looks)


@click.command(short_help="Check every file of the run folder DIR, some by simulation.")
@folder_argument
@click.option(
    "--blocks", type=WHOLE, default=5, help="How many blocks to simulate again; default: 5."
)
@quiet_option
@click.pass_context
def verify(context: click.Context, folder: Path, blocks: int, quiet: bool) -> None:
    """Check every file of the run folder DIR, and simulate some blocks again.

    Files must have their SHA-256 and belong to the run; the blocks simulated again, evenly spread,
    must give the same bytes. Exit code 1 if anything is wrong; nothing is changed.
    """
    from simulate import api
    from simulate.report.progress import progress_of
    from simulate.runner.folder import open_folder

    stderr = open_console(stderr=True, quiet=quiet)
    compile_engine(stderr)
    with progress_of(open_folder(folder).manifest.trials, stderr) as progress:
        found = api.verify(folder, blocks, progress=progress)
    for line in (*found.wrong, *_listed("missing: ", [_trials(block) for block in found.missing])):
        click.echo(line)
    click.echo(
        f"{found.right:,} files are right; {found.repeated:,} blocks simulated again gave the same "
        "bytes"
    )
    context.exit(1 if found.wrong or found.missing else 0)


@click.command()
@click.argument(
    "folders", metavar="DIR...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="The run folder that gets all the blocks.",
)
@click.pass_context
def merge(context: click.Context, folders: Sequence[Path], out: Path) -> None:
    """Join the shards in the run folders DIR... into one.

    Every file is checked; wrong ones are named and left out. Exit code 1 if blocks are missing
    afterwards: they are listed, and simulate run --out goes on with them.
    """
    from simulate.runner.merge import merge_folders

    merged = merge_folders(folders, out)
    for line in merged.complaints:
        click.echo(line)
    planned = len(merged.folder.planned())
    missing = [block for block in merged.folder.planned() if block not in merged.folder.present()]
    for line in _listed("missing: ", [_trials(block) for block in missing]):
        click.echo(line)
    click.echo(f"{planned - len(missing):,} of {planned:,} blocks are in {out}")
    context.exit(1 if missing else 0)


def _trials(block: Block) -> str:
    return f"trials {block.start:,} to {block.stop - 1:,}"


def _listed(head: str, items: Sequence[str]) -> list[str]:
    """One line an item, and one for those beyond the first few."""
    lines = [f"{head}{item}" for item in items[:MOST_LISTED]]
    if len(items) > MOST_LISTED:
        lines.append(f"{head}{len(items) - MOST_LISTED:,} more")
    return lines
