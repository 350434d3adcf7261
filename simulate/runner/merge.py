"""Shards joined into one run folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from simulate.errors import RefusedError, StoreError
from simulate.runner.execute import Block
from simulate.runner.folder import RunFolder, has_manifest, open_folder, start_folder


class Merged(NamedTuple):
    """A merged run folder.

    Attributes
    ----------
    folder : RunFolder
        What came out; blocks may be missing.
    complaints : list of str
        Files that were left out, and why.
    """

    folder: RunFolder
    complaints: list[str]


def merge_folders(paths: Sequence[Path], out: Path) -> Merged:
    """Copy every right block of the run folders ``paths`` into the folder ``out``.

    ``out`` may be one of them, or hold blocks already.

    Raises
    ------
    RefusedError
        If the folders are not of one run; nothing was written.
    StoreError
        If one cannot be read or ``out`` cannot be written.
    """
    sources = [open_folder(path) for path in paths]
    first = sources[0]
    for source in sources[1:]:
        _refuse_other(first, source)
    if has_manifest(out):
        _refuse_other(first, open_folder(out))
    target, _ = start_folder(out, first.manifest)
    complaints: list[str] = []
    present = _right(target, complaints)
    for source in sources:
        if source.path == target.path:
            continue
        for block, file in source.present().items():
            if block in present:
                continue
            try:
                data = source.read(file)
            except StoreError as error:
                complaints.append(f"{error}; left out")
            else:
                target.add(block, data)
                present.add(block)
    target.tidy()
    return Merged(target, complaints)


def _right(target: RunFolder, complaints: list[str]) -> set[Block]:
    """Blocks already there and right; wrong ones are set aside."""
    right = set()
    for block, file in target.present().items():
        try:
            target.read(file)
        except StoreError as error:
            complaints.append(f"{error}; set aside in {target.set_aside(file).parent}")
        else:
            right.add(block)
    return right


def _refuse_other(first: RunFolder, other: RunFolder) -> None:
    """Refuse folders of different runs, with both values."""
    for name in ("data_hash", "design_hash", "seed", "trials", "block_trials", "keep"):
        ours, theirs = getattr(first.manifest, name), getattr(other.manifest, name)
        if ours != theirs:
            raise RefusedError(
                f"{other.path}: is not of the same run: its {name} is {theirs}, that of "
                f"{first.path} is {ours}"
            )
    if first.manifest.packages != other.manifest.packages:
        raise RefusedError(
            f"{other.path}: was made with {other.manifest.packages}, {first.path} with "
            f"{first.manifest.packages}: equal bytes are not sure"
        )
