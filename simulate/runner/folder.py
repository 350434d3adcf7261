"""Run folders: a manifest and one file a block, and nothing else when they are finished."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from simulate.errors import RefusedError, StoreError
from simulate.runner.columns import read_header
from simulate.runner.execute import Block, blocks_of
from simulate.runner.files import TEMPORARY_PREFIX, locked, remove_temporaries, write_whole
from simulate.runner.manifest import Manifest, read_manifest

MANIFEST = "manifest.json"
# Of a folder that holds a run folder a cell.
# At the end of the name of the neighbour that wrong files are set aside in.
REJECTED = ".rejected"
STUDY_MANIFEST = "study.json"
STUDY_CELLS = "cells"
BLOCK_NAME = re.compile(r"trials-(\d{11})-(\d{11})-([0-9a-f]{16})\.parquet")
# What must be equal to go on in a folder, and how to say it.
SAME = {
    "data_hash": "scenario (hash of all that is simulated)",
    "seed": "seed",
    "stream_version": "version of the random numbers",
    "block_trials": "trials in a block",
    "keep": "what is kept (--keep)",
}


@dataclass(frozen=True)
class RunFolder:
    """A run folder on disk.

    Attributes
    ----------
    path : Path
        The folder, as an absolute path: workers may have another working directory.
    manifest : Manifest
        What its blocks are blocks of.
    """

    path: Path
    manifest: Manifest

    @property
    def rejected(self) -> Path:
        """Where files are set aside that are not what their names say."""
        return self.path.with_name(f"{self.path.name}{REJECTED}")

    def planned(self) -> list[Block]:
        """All blocks of the finished folder."""
        return blocks_of(self.manifest.trials, self.manifest.block_trials)

    def present(self) -> dict[Block, Path]:
        """Planned blocks that have a file, by their names alone."""
        return self._present(self._files())

    def _present(self, files: Sequence[Path]) -> dict[Block, Path]:
        planned = set(self.planned())
        found = {}
        for file in files:
            block = named_block(file.name)
            if block in planned:
                found[block] = file
        return found

    def strange(self) -> list[Path]:
        """Files that a finished folder does not hold, temporaries in use left out."""
        return self._strange(self._files())

    def _strange(self, files: Sequence[Path]) -> list[Path]:
        present = set(self._present(files).values())
        return [
            file
            for file in files
            if file not in present
            and file.name != MANIFEST
            and not file.name.startswith(TEMPORARY_PREFIX)
        ]

    def read(self, file: Path) -> bytes:
        """Content of a block's file, checked against its name and the manifest.

        Raises
        ------
        StoreError
            If it cannot be read, is not what its name says, or belongs to another run.
        """
        try:
            data = file.read_bytes()
        except OSError as error:
            raise StoreError(f"{file}: cannot be read: {error.strerror}") from None
        name = BLOCK_NAME.fullmatch(file.name)
        if name is None or fingerprint(data) != name[3]:
            raise StoreError(f"{file}: truncated or altered: it does not have its SHA-256")
        header = read_header(data)
        if header != self.manifest.header | {"trials": [int(name[1]), int(name[2])]}:
            raise StoreError(f"{file}: belongs to another run or other trials: {header}")
        return data

    def add(self, block: Block, data: bytes) -> Path:
        """Write the file of a block, whole and durably.

        Raises
        ------
        StoreError
            If it cannot be written.
        """
        file = self.path / block_name(block, data)
        try:
            write_whole(file, data)
        except OSError as error:
            raise unwritable(file, error) from None
        return file

    def set_aside(self, file: Path) -> Path:
        """Move a file to the folder's ``.rejected`` neighbour, under a name not yet taken there.

        Raises
        ------
        StoreError
            If it cannot be moved.
        """
        try:
            self.rejected.mkdir(exist_ok=True)
            number = 0
            while (place := self.rejected / f"{file.name}{f'.{number}' * (number > 0)}").exists():
                number += 1
            # Another run may have moved it already.
            with contextlib.suppress(FileNotFoundError):
                _move(file, place)
        except OSError as error:
            raise unwritable(self.rejected, error) from None
        return place

    def tidy(self) -> list[Path]:
        """Remove what killed processes left, and partial blocks that whole ones have replaced.

        Returns
        -------
        list of Path
            Files set aside: they look like blocks and are none of this run.
        """
        remove_temporaries(self.path)
        files = self._files()
        # In this order: another run that extends the folder writes the manifest before its blocks.
        return open_folder(self.path)._tidy(files)

    def _tidy(self, files: Sequence[Path]) -> list[Path]:
        starts = {block.start for block in self._present(files)}
        aside = []
        for file in self._strange(files):
            block = named_block(file.name)
            if block is None:
                continue  # not ours: a user's own file stays
            if block.start in starts and self._is_ours(file):
                file.unlink(missing_ok=True)
            elif not self.is_partial(block) or not self._is_ours(file):
                aside.append(self.set_aside(file))
        return aside

    def is_partial(self, block: Block) -> bool:
        """Whether it was the last block when fewer trials were planned."""
        size = self.manifest.block_trials
        return block.start % size == 0 and block.start < block.stop < block.start + size

    def _is_ours(self, file: Path) -> bool:
        try:
            self.read(file)
        except StoreError:
            return False
        return True

    def _files(self) -> list[Path]:
        try:
            return sorted(file for file in self.path.iterdir() if file.is_file())
        except OSError as error:
            raise StoreError(f"{self.path}: cannot be read: {error.strerror}") from None


def named_block(name: str) -> Block | None:
    """Block that a file's name names; None if it names none."""
    parts = BLOCK_NAME.fullmatch(name)
    return Block(int(parts[1]), int(parts[2])) if parts else None


def block_name(block: Block, data: bytes) -> str:
    """File name of a block with the given content."""
    return f"trials-{block.start:011}-{block.stop:011}-{fingerprint(data)}.parquet"


def fingerprint(data: bytes) -> str:
    """First 16 digits of the SHA-256."""
    return hashlib.sha256(data).hexdigest()[:16]


def open_folder(path: Path) -> RunFolder:
    """Open an existing run folder to read it.

    Raises
    ------
    RefusedError
        If there is no run folder at ``path``.
    StoreError
        If its manifest cannot be used.
    """
    path = real_path(path)
    try:
        data = (path / MANIFEST).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        if has_study(path):
            remedy = f"each of its cells, in {path / STUDY_CELLS}, has a run folder"
            raise RefusedError(f"{path}: is the folder of a study; {remedy}") from None
        raise RefusedError(f"{path}: is no run folder: it has no {MANIFEST}") from None
    except OSError as error:
        raise StoreError(f"{path / MANIFEST}: cannot be read: {error.strerror}") from None
    try:
        return RunFolder(path, read_manifest(data))
    except StoreError as error:
        raise StoreError(f"{path / MANIFEST}: {error}") from None


def start_folder(path: Path, manifest: Manifest) -> tuple[RunFolder, list[str]]:
    """Make a run folder, or go on in one that holds the same run.

    More trials than it was made for extend it; another design is applied to the same statistics.

    Returns
    -------
    RunFolder
        Its manifest is the one wanted, but for the package versions and the tables of the latent
        time to progression, which stay.
    list of str
        What has changed, to be told.

    Raises
    ------
    RefusedError
        If the folder holds something else; nothing was changed.
    StoreError
        If it cannot be written.
    """
    path = real_path(path)
    if not has_manifest(path):
        _make(path)
    # Two runs that start at once must not both find no manifest.
    try:
        with locked(path):
            return _start(path, manifest)
    except OSError as error:
        raise unwritable(path, error) from None


def _start(path: Path, manifest: Manifest) -> tuple[RunFolder, list[str]]:
    """Write the manifest, or compare it with the one that is there."""
    if not has_manifest(path):
        folder = RunFolder(path, manifest)
        _write_manifest(folder)
        return folder, []
    there = open_folder(path).manifest
    refuse_other(path, there, manifest)
    changes = []
    if there.trials != manifest.trials:
        changes.append(f"extended from {there.trials:,} to {manifest.trials:,} trials")
    if there.design_hash != manifest.design_hash:
        changes.append("the same statistics, judged by another design (levels, critical values)")
    for name, made_with in there.packages.items():
        if manifest.packages.get(name) != made_with:
            changes.append(
                f"begun with {name} {made_with}, now {manifest.packages.get(name)}: the statistics "
                "are the same, the bytes of the files may not be"
            )
    kept = {"packages": there.packages, "progression": there.progression}
    wanted = Manifest(**{**vars(manifest), **kept})
    folder = RunFolder(path, wanted)
    if wanted != there:
        _write_manifest(folder)
    return folder, changes


def has_manifest(path: Path) -> bool:
    """Whether there is a run folder at ``path``, whole or not.

    Raises
    ------
    StoreError
        If that cannot be told.
    """
    try:
        return (path / MANIFEST).exists()
    except OSError as error:
        raise unwritable(path, error) from None


def has_study(path: Path) -> bool:
    """Whether the folder at ``path`` is that of a study, and no run folder itself.

    Raises
    ------
    StoreError
        If that cannot be told.
    """
    try:
        return (path / STUDY_MANIFEST).exists() and not (path / MANIFEST).exists()
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror}") from None


def _make(path: Path) -> None:
    """Make the folder; one that holds other things is not taken."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        others = [file for file in path.iterdir() if not file.name.startswith(TEMPORARY_PREFIX)]
    except FileExistsError:
        raise RefusedError(f"{path}: is a file, not a folder; give another --out") from None
    except OSError as error:
        raise unwritable(path, error) from None
    # Another run may have written the manifest by now.
    if others and not has_manifest(path):
        raise RefusedError(
            f"{path}: is not empty and no run folder (it holds {others[0].name}); give another "
            "--out, or an empty folder"
        )


def _write_manifest(folder: RunFolder) -> None:
    file = folder.path / MANIFEST
    try:
        write_whole(file, folder.manifest.to_bytes())
    except OSError as error:
        raise unwritable(file, error) from None


def refuse_other(path: Path, there: Manifest, wanted: Manifest) -> None:
    """Refuse to go on with another run, with both values.

    Parameters
    ----------
    path : Path
        The folder, for the message.
    there, wanted : Manifest
        What it holds, and what is asked for.

    Raises
    ------
    RefusedError
        If one cannot go on from the other.
    """
    different = [
        f"{words}: the folder has {getattr(there, name)}, asked for is {getattr(wanted, name)}"
        for name, words in SAME.items()
        if getattr(there, name) != getattr(wanted, name)
    ]
    versions = [manifest.scenario.get("schema_version") for manifest in (there, wanted)]
    if versions[0] != versions[1]:
        different.append(
            f"scenario schema version: the folder has {versions[0]}, asked for is {versions[1]}"
        )
    if there.keep == "summary" and there.design_hash != wanted.design_hash:
        different.append(
            "design (hash of levels and critical values; a summary cannot be judged again): the "
            f"folder has {there.design_hash}, asked for is {wanted.design_hash}"
        )
    if not different and wanted.trials < there.trials:
        different.append(
            f"trials: the folder has {there.trials:,}, asked for are fewer, {wanted.trials:,}"
        )
    if different:
        raise RefusedError(
            "\n".join(f"{path}: holds another run: {line}" for line in different)
            + "\ngive another --out, or the scenario, seed and trials of the folder"
        )


def real_path(path: Path) -> Path:
    """Path without links or dots: the neighbour of a link is not that of the folder.

    Raises
    ------
    StoreError
        If it cannot be followed.
    """
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:
        raise StoreError(f"{path}: cannot be followed: {error}") from None


def _move(file: Path, place: Path) -> None:
    """Rename a file, or copy and remove it where the place is on another disk."""
    try:
        file.rename(place)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        write_whole(place, file.read_bytes())
        file.unlink()


def free_bytes(path: Path) -> int:
    """Room on the disk of a folder that may not exist yet."""
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free


def unwritable(path: Path, error: OSError) -> StoreError:
    """An error that says why a file or folder cannot be written."""
    remedy = "what is there is safe, and the same command goes on from it"
    return StoreError(f"{path}: cannot be written: {error.strerror}; {remedy}")
