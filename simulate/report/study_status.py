"""What a study folder holds and lacks, as text and as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from simulate.report.tables import Column, print_rows, say
from simulate.runner.files import size_in_words
from simulate.studies.contents import CellContents, StudyContents

if TYPE_CHECKING:
    from rich.console import Console

FORMAT = "simulate-study-status"
FORMAT_VERSION = 1
MOST_CELLS = 50
MOST_LISTED = 10


def is_complete(contents: StudyContents) -> bool:
    """Whether nothing is missing, and everything belongs there; cells of other studies may stay."""
    return all(cell.is_sound for cell in contents.cells)


def print_status(contents: StudyContents, folder: str, console: Console) -> None:
    """Print what a study folder holds: in all, and a row a cell.

    Parameters
    ----------
    contents : StudyContents
        What it holds.
    folder : str
        The folder as the user wrote it.
    console : Console
        Where to.
    """
    manifest = contents.manifest
    say(console, manifest.title)
    say(
        console,
        f"{len(contents.cells):,} cells, seed {manifest.seed}, {manifest.trials:,} trials a cell, "
        f"keeps {manifest.keep}",
    )
    say(console, _in_all(contents))
    shown = _shown(contents.cells)
    if shown:
        say(console)
        _print_cells(shown, console)
        if len(shown) < len(contents.cells):
            say(console, f"{len(contents.cells) - len(shown):,} more cells: --json lists all")
        say(console)
    for line in _notes(contents):
        say(console, line)
    if is_complete(contents) and manifest.scenario:
        say(console, f"all there: simulate show {folder}")
    elif contents.n_missing:
        say(console, "the same simulate study command goes on with what is missing")


def _in_all(contents: StudyContents) -> str:
    cells = contents.cells
    there = contents.n_planned - contents.n_missing
    lent = sum(len(cell.elsewhere) for cell in cells)
    unusable = sum(len(cell.unusable) for cell in cells)
    parts = [f"{there:,} of {contents.n_planned:,} blocks", size_in_words(_stored(cells))]
    if lent:
        parts.append(f"{lent:,} of them in the folder of another cell with the same data")
    if contents.n_missing:
        parts.append(f"{contents.n_missing:,} missing")
    if unusable:
        parts.append(f"{unusable:,} unusable")
    return ", ".join(parts)


def _shown(cells: Sequence[CellContents]) -> list[CellContents]:
    """Cells to print: all, or of many the first that are not complete."""
    if len(cells) <= MOST_CELLS:
        return list(cells)
    return [cell for cell in cells if not cell.is_sound][:MOST_CELLS]


def _print_cells(cells: Sequence[CellContents], console: Console) -> None:
    columns = [
        Column("blocks", [f"{len(cell.planned):,}" for cell in cells]),
        Column("there", [f"{len(cell.present):,}" for cell in cells]),
        Column("of another cell", [_count(cell.elsewhere) for cell in cells]),
        Column("missing", [_count(cell.missing) for cell in cells]),
        Column("unusable", [_count(cell.unusable) for cell in cells]),
    ]
    heads = [Column("cell", [cell.cell.name for cell in cells])]
    print_rows(console, heads, [column for column in columns if any(column.cells)])


def _count(blocks: Sequence[Any] | dict[Any, Any]) -> str:
    return f"{len(blocks):,}" if blocks else ""


def _notes(contents: StudyContents) -> Iterator[str]:
    """Files and folders to look at."""
    yield from _listed("", [cell.wrong for cell in contents.cells if cell.wrong])
    for head, files in (
        ("not of this study: ", [f for cell in contents.cells for f in cell.unusable]),
        ("does not belong here: ", [f for cell in contents.cells for f in cell.strange]),
    ):
        yield from _listed(head, [str(file.relative_to(contents.path)) for file in files])
    yield from _listed("set aside in ", [str(path) for path in contents.rejected])
    if contents.strays:
        yield from _listed("a cell of none of this study's, which stays: ", contents.strays)
    if not contents.manifest.scenario:
        yield (
            f"format version {contents.manifest.format_version} holds no scenarios: simulate show "
            "needs one more run of the same simulate study command, which simulates only what is "
            "missing"
        )


def _listed(head: str, items: Sequence[str]) -> Iterator[str]:
    """One line an item, and one for those beyond the first few."""
    yield from (f"{head}{item}" for item in items[:MOST_LISTED])
    if len(items) > MOST_LISTED:
        yield f"{head}{len(items) - MOST_LISTED:,} more"


def _stored(cells: Sequence[CellContents]) -> int:
    """Bytes of the blocks that are in the folders of their own cells."""
    return sum(file.stat().st_size for cell in cells for file in cell.present.values())


def status_json(contents: StudyContents) -> dict[str, Any]:
    """Return it as plain data for ``json.dumps``; docs/json-output.md describes it."""
    manifest = contents.manifest
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "title": manifest.title,
        "seed": manifest.seed,
        "trials": manifest.trials,
        "keep": manifest.keep,
        "block_trials": manifest.block_trials,
        "holds_scenarios": bool(manifest.scenario),
        "blocks_planned": contents.n_planned,
        "blocks_present": sum(len(cell.present) for cell in contents.cells),
        "blocks_elsewhere": sum(len(cell.elsewhere) for cell in contents.cells),
        "blocks_missing": contents.n_missing,
        "bytes": _stored(contents.cells),
        "strays": contents.strays,
        "cells": [_plain(cell) for cell in contents.cells],
    }


def _plain(cell: CellContents) -> dict[str, Any]:
    return {
        "cell": cell.cell.name,
        "values": cell.cell.values,
        "data_hash": cell.cell.data_hash,
        "design_hash": cell.cell.design_hash,
        "blocks_before": cell.before,
        "blocks_planned": len(cell.planned),
        "blocks_present": len(cell.present),
        "blocks_elsewhere": len(cell.elsewhere),
        "missing": [list(block) for block in cell.missing],
        "unusable": [file.name for file in cell.unusable],
        "strange": [file.name for file in cell.strange],
        "wrong": cell.wrong,
    }
