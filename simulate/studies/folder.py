"""Study folders: a manifest, a run folder a cell, and the table once all cells are done."""

from __future__ import annotations

import contextlib
import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulate.errors import RefusedError, StoreError
from simulate.runner.columns import encode_table
from simulate.runner.execute import BLOCK_TRIALS
from simulate.runner.files import TEMPORARY_PREFIX, locked, remove_temporaries, write_whole
from simulate.runner.folder import (
    STUDY_CELLS as CELLS,
)
from simulate.runner.folder import (
    STUDY_MANIFEST as MANIFEST,
)
from simulate.runner.folder import (
    RunFolder,
    has_manifest,
    open_folder,
    real_path,
    refuse_other,
    unwritable,
)
from simulate.runner.manifest import Manifest, new_manifest
from simulate.scenario.study import COLUMNS
from simulate.studies.contents import cell_folders
from simulate.studies.grid import Grid
from simulate.studies.manifest import (
    FORMAT,
    StudyManifest,
    new_study_manifest,
    read_study_manifest,
)
from simulate.studies.result import Study

# Of the table, which is not that of the manifest.
TABLE_VERSION = 1
CSV = "study.csv"
PARQUET = "study.parquet"
MOST_LISTED = 5


@dataclass(frozen=True)
class StudyFolder:
    """A study folder on disk.

    Attributes
    ----------
    path : Path
        The folder, as an absolute path.
    manifests : dict of str to Manifest
        By names of cells, what their run folders are to hold.
    """

    path: Path
    manifests: dict[str, Manifest]

    def cell(self, name: str) -> RunFolder:
        """Run folder of a cell, which need not exist yet."""
        return RunFolder(self.path / CELLS / name, self.manifests[name])

    def n_blocks(self) -> tuple[int, int]:
        """Number of blocks that are there, by their names alone, and of all of the study."""
        folders = [self.cell(name) for name in self.manifests]
        there = sum(len(folder.present()) for folder in folders if has_manifest(folder.path))
        return there, sum(len(folder.planned()) for folder in folders)

    def strays(self) -> list[str]:
        """Names of folders of cells that are none of this study (any more); they stay."""
        return [name for name in cell_folders(self.path) if name not in self.manifests]

    def sources(self) -> dict[str, list[Path]]:
        """By data hash of the cells, where their blocks may be: in their folders and in strays."""
        found: dict[str, list[Path]] = {}
        for name, manifest in self.manifests.items():
            found.setdefault(manifest.data_hash, []).append(self.path / CELLS / name)
        for name in self.strays():
            path = self.path / CELLS / name
            with contextlib.suppress(StoreError):  # none of ours, or damaged
                data_hash = open_folder(path).manifest.data_hash
                if data_hash in found:
                    found[data_hash].append(path)
        return found

    def donors(self, manifest: Manifest, paths: Sequence[Path]) -> list[RunFolder]:
        """Those of some run folders whose blocks are those of ``manifest``, byte by byte."""
        found = []
        for path in paths:
            with contextlib.suppress(StoreError):  # not begun yet, or damaged
                folder = open_folder(path)
                theirs = folder.manifest
                same = (theirs.header, theirs.block_trials, theirs.packages)
                if same == (manifest.header, manifest.block_trials, manifest.packages):
                    found.append(folder)
        return found


def study_folder(path: Path, grid: Grid, keep: str) -> StudyFolder:
    """Study folder at a path, which need not exist yet; nothing is written.

    Raises
    ------
    StoreError
        If the path cannot be followed.
    """
    manifests = {cell.name: new_manifest(cell.scenario, BLOCK_TRIALS, keep) for cell in grid.cells}
    return StudyFolder(real_path(path), manifests)


def refuse_other_study(folder: StudyFolder) -> None:
    """Refuse a folder that holds something else, and cells that hold other runs.

    Raises
    ------
    RefusedError
        If it does; nothing was changed.
    StoreError
        If it cannot be read.
    """
    _refuse_foreign(folder.path)
    refused = []
    for name, manifest in folder.manifests.items():
        path = folder.path / CELLS / name
        if has_manifest(path):
            try:
                refuse_other(path, open_folder(path).manifest, manifest)
            except RefusedError as error:
                refused.append(str(error))
    if refused:
        more = f"\n{len(refused) - 1:,} more cells hold other runs" if len(refused) > 1 else ""
        raise RefusedError(refused[0] + more)


def start_study(folder: StudyFolder, grid: Grid, keep: str) -> list[str]:
    """Make a study folder, or go on in one.

    Cells that are there are kept; a changed grid adds cells, and leaves those there that do not
    belong to it any more.

    Returns
    -------
    list of str
        What has changed, to be told.

    Raises
    ------
    StoreError
        If it cannot be written.
    """
    path = folder.path
    wanted = new_study_manifest(grid, keep)
    changes = []
    try:
        (path / CELLS).mkdir(parents=True, exist_ok=True)
        with locked(path):
            file = path / MANIFEST
            there = file.read_bytes() if file.exists() else None
            if there != wanted.to_bytes():
                kept, changed = _what_changes(there, wanted)
                changes += changed
                if not kept:
                    # A table of the study before would be taken for that of this one.
                    for table in (CSV, PARQUET):
                        (path / table).unlink(missing_ok=True)
                write_whole(file, wanted.to_bytes())
    except OSError as error:
        raise unwritable(path, error) from None
    if strays := folder.strays():
        listed = ", ".join(strays[:MOST_LISTED]) + (", …" if len(strays) > MOST_LISTED else "")
        changes.append(
            f"{len(strays):,} cells in {CELLS} are none of this study; they stay, and are not in "
            f"its table: {listed}"
        )
    return changes


def _what_changes(there: bytes | None, wanted: StudyManifest) -> tuple[bool, list[str]]:
    """Whether the table of a folder stays that of the study, and what to tell of its manifest."""
    if there is None:
        return False, []
    try:
        known = read_study_manifest(there)
    except StoreError:
        return False, [f"{MANIFEST} was truncated or altered, and is written anew"]
    if known.is_only_older(wanted):
        return True, [
            f"{MANIFEST} had format version {known.format_version}: it now holds the scenarios, "
            "which simulate show needs"
        ]
    return False, ["another study than before (axes, trials, texts): a table of its own"]


def _refuse_foreign(path: Path) -> None:
    """Refuse a folder that is not empty and no study's."""
    if has_manifest(path):
        raise RefusedError(f"{path}: is a run folder, not that of a study; give another --out")
    try:
        if path.exists() and not path.is_dir():
            raise RefusedError(f"{path}: is a file, not a folder; give another --out")
        others = [
            file.name
            for file in (path.iterdir() if path.is_dir() else ())
            if not file.name.startswith(TEMPORARY_PREFIX) and file.name != CELLS
        ]
        is_study = (path / MANIFEST).exists()
    except OSError as error:
        raise unwritable(path, error) from None
    if others and not is_study:
        raise RefusedError(
            f"{path}: is not empty and no study folder (it holds {others[0]}); give another --out, "
            "or an empty folder"
        )
    if is_study:
        _refuse_newer(path / MANIFEST)


def _refuse_newer(file: Path) -> None:
    """Refuse a manifest of a newer format; one that is damaged is written anew."""
    try:
        read_study_manifest(file.read_bytes())
    except RefusedError as error:
        raise RefusedError(f"{file}: {error}; give another --out") from None
    except StoreError:
        pass
    except OSError as error:
        raise unwritable(file, error) from None


def adopt_blocks(folder: RunFolder, donors: Sequence[RunFolder]) -> int:
    """Copy into a run folder the blocks that it lacks and others have; returns their number.

    Each is checked as it is read; a wrong one is left where it is, and simulated.

    Raises
    ------
    StoreError
        If one cannot be written.
    """
    present, planned = set(folder.present()), set(folder.planned())
    n_copied = 0
    for donor in donors:
        for block, file in donor.present().items():
            if block in present or block not in planned:
                continue
            try:
                data = donor.read(file)
            except StoreError:
                continue
            folder.add(block, data)
            present.add(block)
            n_copied += 1
    return n_copied


def write_table(folder: StudyFolder, study: Study) -> None:
    """Write the table of a study whose cells are all done, as CSV and as Parquet.

    Raises
    ------
    StoreError
        If it cannot be written.
    """
    try:
        write_whole(folder.path / CSV, table_csv(study).encode())
        write_whole(folder.path / PARQUET, table_parquet(study))
        remove_temporaries(folder.path)
    except OSError as error:
        raise unwritable(folder.path, error) from None


def table_csv(study: Study) -> str:
    """Write the table as CSV: RFC 4180, all digits, nothing where a figure is undefined."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(study.columns)
    writer.writerows([_text(row[column]) for column in study.columns] for row in study.table)
    return stream.getvalue()


def _text(value: Any) -> str:
    """Write a value; floats so that they read back equal."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return repr(float(value)) if math.isfinite(value) else ""
    return str(value)


def table_parquet(study: Study) -> bytes:
    """Table as a Parquet file; the same table gives the same bytes. Undefined figures are null."""
    import pyarrow as pa  # noqa: PLC0415 - only studies with a folder need it

    kinds: dict[str, Any] = dict.fromkeys(COLUMNS, pa.string())
    kinds |= dict.fromkeys(("estimate", "mcse", "closed_form"), pa.float64())
    kinds |= {"n_trials": pa.int64(), "null_holds": pa.bool_(), "flagged": pa.bool_()}
    for name, axis in study.grid.study.axes.items():
        kinds[name] = _kind(axis.levels)
    rows = study.table
    columns = {}
    for name in study.columns:
        values = [row[name] for row in rows]
        if kinds[name] == pa.string():
            values = [None if value is None else _text(value) for value in values]
        columns[name] = pa.array(values, type=kinds[name], from_pandas=True)
    header = {"format": FORMAT, "format_version": TABLE_VERSION}
    return encode_table(pa.table(columns), header)


def _kind(levels: Sequence[Any]) -> Any:
    """Type of the column of an axis: text unless all its values are numbers, or true or false."""
    import pyarrow as pa  # noqa: PLC0415

    kinds = {type(level) for level in levels}
    if kinds == {bool}:
        return pa.bool_()
    if kinds == {int}:
        return pa.int64()
    return pa.float64() if kinds <= {int, float} else pa.string()
