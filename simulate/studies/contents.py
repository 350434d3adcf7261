"""What a study folder holds and lacks, by the names of its files and the manifests of its cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from simulate.errors import RefusedError, StoreError
from simulate.runner.execute import Block, blocks_of
from simulate.runner.files import TEMPORARY_PREFIX
from simulate.runner.folder import (
    MANIFEST,
    REJECTED,
    SAME,
    STUDY_CELLS,
    STUDY_MANIFEST,
    has_manifest,
    named_block,
    open_folder,
    real_path,
)
from simulate.runner.manifest import ROWS, SUMMARY, Manifest
from simulate.studies.manifest import StudyCell, StudyManifest, read_study_manifest


@dataclass(frozen=True)
class CellContents:
    """What there is of a cell.

    Attributes
    ----------
    cell : StudyCell
        The cell.
    path : Path
        Its run folder, which need not exist.
    planned : list of Block
        All its blocks.
    before : int or None
        How many blocks of other cells come before its own where the blocks of a study are dealt out
        to shards; None for a cell that has its blocks from another, and is no shard's.
    manifest : Manifest or None
        Of the run folder that its blocks are in; None if it has none, or they cannot be used.
    present : dict of Block to Path
        Those of its blocks that its folder has.
    elsewhere : dict of Block to Path
        Those that its folder lacks and another cell's has: the two differ in their design alone.
    unusable : list of Path
        Files that look like blocks and are none of this study.
    strange : list of Path
        Other files that do not belong there.
    wrong : str
        Why its folder cannot be used; empty if it can.
    """

    cell: StudyCell
    path: Path
    planned: list[Block]
    before: int | None
    manifest: Manifest | None = None
    present: dict[Block, Path] = field(default_factory=dict)
    elsewhere: dict[Block, Path] = field(default_factory=dict)
    unusable: list[Path] = field(default_factory=list)
    strange: list[Path] = field(default_factory=list)
    wrong: str = ""

    @property
    def files(self) -> dict[Block, Path]:
        """Every block that is there, with its file."""
        return self.present | self.elsewhere

    @property
    def missing(self) -> list[Block]:
        """Blocks that are nowhere."""
        return [block for block in self.planned if block not in self.files]

    @property
    def is_sound(self) -> bool:
        """Whether nothing is missing and everything belongs there."""
        return not (self.missing or self.unusable or self.strange or self.wrong)


@dataclass(frozen=True)
class StudyContents:
    """What there is of a study.

    Attributes
    ----------
    path : Path
        The folder, as an absolute path.
    manifest : StudyManifest
        What it is the folder of.
    cells : tuple of CellContents
        In the order of the study.
    strays : list of str
        Names in its folder of cells that are none of this study.
    """

    path: Path
    manifest: StudyManifest
    cells: tuple[CellContents, ...]
    strays: list[str]

    @property
    def manifest_file(self) -> Path:
        """Where the manifest is."""
        return self.path / STUDY_MANIFEST

    @property
    def rejected(self) -> list[Path]:
        """Folders that files of its cells were set aside in."""
        places = (cell.path.with_name(f"{cell.path.name}{REJECTED}") for cell in self.cells)
        return [place for place in places if place.is_dir()]

    @property
    def n_planned(self) -> int:
        """Number of blocks of all cells."""
        return sum(len(cell.planned) for cell in self.cells)

    @property
    def n_missing(self) -> int:
        """Number of blocks that are nowhere."""
        return sum(len(cell.missing) for cell in self.cells)


def open_study(path: Path) -> StudyContents:
    """Look into a study folder; nothing is changed, and no block is read.

    Raises
    ------
    RefusedError
        If there is no study folder at ``path``, or one of a newer format.
    StoreError
        If its manifest cannot be used, or a folder cannot be read.
    """
    path = real_path(path)
    file = path / STUDY_MANIFEST
    try:
        manifest = read_study_manifest(file.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise RefusedError(f"{path}: is no study folder: it has no {STUDY_MANIFEST}") from None
    except OSError as error:
        raise StoreError(f"{file}: cannot be read: {error.strerror}") from None
    except RefusedError as error:
        raise RefusedError(f"{file}: {error}") from None
    except StoreError as error:
        raise StoreError(f"{file}: {error}") from None
    planned = blocks_of(manifest.trials, manifest.block_trials)
    places = _places(manifest, len(planned))
    alone = [
        _own(manifest, cell, path / STUDY_CELLS / cell.name, planned, before)
        for cell, before in zip(manifest.cells, places, strict=True)
    ]
    names = {cell.name for cell in manifest.cells}
    strays = [name for name in cell_folders(path) if name not in names]
    return StudyContents(path, manifest, tuple(_with_others(alone)), strays)


def _places(manifest: StudyManifest, n_blocks: int) -> list[int | None]:
    """Blocks before those of each cell in the row that is dealt out; None where it has no place.

    Of cells with equal data the first alone has one, unless only sums are kept.
    """
    places: list[int | None] = []
    seen: set[str] = set()
    n_before = 0
    for cell in manifest.cells:
        if manifest.keep != SUMMARY and cell.data_hash in seen:
            places.append(None)
        else:
            places.append(n_before)
            n_before += n_blocks
        seen.add(cell.data_hash)
    return places


def _own(
    manifest: StudyManifest, cell: StudyCell, path: Path, planned: list[Block], before: int | None
) -> CellContents:
    """What the folder of a cell itself holds."""
    found = CellContents(cell, path, planned, before)
    if not path.is_dir():
        return found
    there, wrong = None, ""
    if has_manifest(path):
        try:
            there = open_folder(path)
            wrong = _differences(path, there.manifest, manifest, cell)
        except StoreError as error:
            wrong = str(error)
    files = _files(path)
    blocks = {file: block for file in files if (block := named_block(file.name)) is not None}
    usable: dict[Block, Path] = {}
    replaced: set[Path] = set()
    if there is not None and not wrong:
        usable = {block: file for file, block in blocks.items() if block in set(planned)}
        # In a folder that is to be extended the last block has too few trials.
        replaced = {file for file, block in blocks.items() if there.is_partial(block)}
    own = {*usable.values(), *replaced}
    return replace(
        found,
        manifest=None if wrong or there is None else there.manifest,
        present=usable,
        unusable=[file for file in blocks if file not in own],
        strange=[file for file in files if file not in blocks],
        wrong=wrong,
    )


def _differences(path: Path, there: Manifest, study: StudyManifest, cell: StudyCell) -> str:
    """Say in what the run folder of a cell is not that of the study; nothing if it is."""
    wanted = {
        "data_hash": cell.data_hash,
        "seed": study.seed,
        "block_trials": study.block_trials,
        "keep": study.keep,
    }
    if study.keep == SUMMARY:
        wanted["design_hash"] = cell.design_hash
    names = SAME | {"design_hash": "design (hash of levels and critical values)"}
    different = [
        f"{names[name]}: the folder has {getattr(there, name)}, the study {value}"
        for name, value in wanted.items()
        if getattr(there, name) != value
    ]
    return f"{path}: holds another run: {'; '.join(different)}" if different else ""


def _with_others(cells: Sequence[CellContents]) -> list[CellContents]:
    """Cells with the blocks that they lack and others with equal data have."""
    by_data: dict[str, list[CellContents]] = {}
    for cell in cells:
        if cell.manifest is not None and cell.manifest.keep == ROWS:
            by_data.setdefault(cell.cell.data_hash, []).append(cell)
    return [
        cell if cell.wrong else _with_blocks_of(cell, by_data.get(cell.cell.data_hash, []))
        for cell in cells
    ]


def _with_blocks_of(cell: CellContents, others: Sequence[CellContents]) -> CellContents:
    manifest = cell.manifest
    elsewhere: dict[Block, Path] = {}
    for other in others:
        if other.manifest is None or not other.present:
            continue
        manifest = manifest or other.manifest
        if other.manifest.header == manifest.header:
            known = {**cell.present, **elsewhere}
            elsewhere |= {b: f for b, f in other.present.items() if b not in known}
    return replace(cell, manifest=manifest, elsewhere=elsewhere)


def _files(path: Path) -> list[Path]:
    """Files in the folder of a cell but for its manifest and what is being written."""
    try:
        return sorted(
            file
            for file in path.iterdir()
            if file.is_file()
            and file.name != MANIFEST
            and not file.name.startswith(TEMPORARY_PREFIX)
        )
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror}") from None


def cell_folders(path: Path) -> list[str]:
    """Names of the folders of cells in a study folder, without those of files set aside.

    Raises
    ------
    StoreError
        If it cannot be read.
    """
    cells = path / STUDY_CELLS
    try:
        if not cells.is_dir():
            return []
        return sorted(
            folder.name
            for folder in cells.iterdir()
            if folder.is_dir() and not folder.name.endswith(REJECTED)
        )
    except OSError as error:
        raise StoreError(f"{cells}: cannot be read: {error.strerror}") from None
