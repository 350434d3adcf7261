"""Check a run folder: every file, and some blocks simulated again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from simulate.api.blocks import work_on
from simulate.api.inputs import is_whole
from simulate.errors import Problem, ScenarioError, StoreError
from simulate.runner.execute import Block, Progress
from simulate.runner.folder import open_folder


class Verified(NamedTuple):
    """What `verify` found.

    Attributes
    ----------
    right : int
        Files with their SHA-256 that belong to the run.
    repeated : int
        Blocks simulated again with the same bytes.
    wrong : list of str
        What is wrong with the others.
    missing : list of Block
        Blocks without a file.
    """

    right: int
    repeated: int
    wrong: list[str]
    missing: list[Block]


def verify(
    path: str | os.PathLike[str], blocks: int = 5, *, progress: Progress | None = None
) -> Verified:
    """Check every file of a run folder, and simulate some blocks again; nothing is changed.

    Parameters
    ----------
    path : path
        The folder.
    blocks : int
        How many blocks to simulate again, evenly spread over those that are there.
    progress : callable, optional
        Called with the number of trials done since it was called last.

    Raises
    ------
    ScenarioError
        If ``blocks`` is not a whole number of at least 0.
    StoreError
        If there is no such folder.
    """
    if not is_whole(blocks) or blocks < 0:
        problem = Problem("blocks", "must be a whole number of at least 0", repr(blocks))
        raise ScenarioError([problem])
    folder = open_folder(Path(path))
    present = folder.present()
    wrong = [f"{file}: does not belong here" for file in folder.strange()]
    right: list[tuple[Block, bytes]] = []
    chosen = _evenly_spread(sorted(present), blocks)
    for block, file in sorted(present.items()):
        try:
            data = folder.read(file)
        except StoreError as error:
            wrong.append(str(error))
        else:
            right.append((block, data if block in chosen else b""))
        if progress:
            progress(block.stop - block.start)
    work = work_on(folder.manifest.to_scenario(), folder)
    repeated = 0
    for block, data in right:
        if block in chosen:
            if work.encoded(block) == data:
                repeated += 1
            else:
                wrong.append(f"{present[block]}: simulated again, its bytes are others")
    missing = [block for block in folder.planned() if block not in present]
    return Verified(len(right), repeated, wrong, missing)


def _evenly_spread(blocks: Sequence[Block], n: int) -> set[Block]:
    """``n`` of the blocks, the first and the last among them."""
    if n >= len(blocks):
        return set(blocks)
    if n <= 1:
        return set(blocks[:n])
    return {blocks[k * (len(blocks) - 1) // (n - 1)] for k in range(n)}
