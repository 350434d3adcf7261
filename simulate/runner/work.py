"""What is done with one block: read it if it is there, simulate it if not, keep what is asked."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Generic, NamedTuple, Protocol, TypeVar

from simulate.engine.plan import Plan
from simulate.engine.statistics import Statistics
from simulate.errors import StoreError
from simulate.runner.execute import Block, Progress, compile_kernels, simulate_block
from simulate.runner.folder import RunFolder

T = TypeVar("T")


class Keeper(Protocol[T]):
    """What is kept of a block: in memory, ``T``, and in a file."""

    def keep(self, block: Block, statistics: Statistics) -> T:
        """What stays in memory."""

    def encode(self, block: Block, statistics: Statistics, kept: T) -> bytes:
        """Content of the block's file."""

    def decode(self, block: Block, data: bytes) -> T:
        """What stays in memory, from the content of the block's file."""


class Done(NamedTuple, Generic[T]):
    """A block that is done.

    Attributes
    ----------
    kept : T
        What stays in memory.
    simulated : bool
        False if its file was there and right.
    complaint : str
        What was wrong with a file that was there, and where it is now; empty if nothing was.
    file_bytes : int
        Size of its file; 0 without a folder.
    """

    kept: T
    simulated: bool
    complaint: str
    file_bytes: int


@dataclass(frozen=True)
class BlockWork(Generic[T]):
    """Work on the blocks of one run; see `simulate.runner.workers.over_blocks`.

    Attributes
    ----------
    plan : Plan
        The trial.
    seed : int
        Key of the random numbers.
    keeper : Keeper
        What is kept.
    folder : RunFolder, optional
        Where files are written and read; without one everything is simulated.
    present : dict, optional
        Files of the folder to read instead of simulating their blocks.
    repairs : bool
        Whether a wrong file is set aside and its block simulated again; else it is an error.
    """

    plan: Plan
    seed: int
    keeper: Keeper[T]
    folder: RunFolder | None = None
    present: dict[Block, Path] = field(default_factory=dict)
    repairs: bool = True

    def prepare(self) -> None:
        """Compile the engine, or load it from the cache, if anything is to be simulated."""
        if self.repairs:
            compile_kernels(self.plan)

    def alone(self, block: Block) -> BlockWork[T]:
        """The same, with the file of one block only."""
        files = {block: self.present[block]} if block in self.present else {}
        return replace(self, present=files)

    def __call__(self, block: Block, progress: Progress | None = None) -> Done[T]:
        """Read a block, or simulate and store it."""
        complaint = ""
        file = self.present.get(block)
        if self.folder is not None and file is not None:
            try:
                data = self.folder.read(file)
            except StoreError as error:
                if not self.repairs:
                    raise
                complaint = f"{error}; set aside in {self.folder.set_aside(file).parent}"
            else:
                if progress:
                    progress(block.stop - block.start)
                return Done(self.keeper.decode(block, data), False, "", len(data))
        statistics = simulate_block(self.plan, self.seed, block, progress)
        kept = self.keeper.keep(block, statistics)
        if self.folder is None:
            return Done(kept, True, complaint, 0)
        data = self.keeper.encode(block, statistics, kept)
        self.folder.add(block, data)
        return Done(kept, True, complaint, len(data))

    def encoded(self, block: Block) -> bytes:
        """Content that the file of a block should have: simulated again, not read."""
        statistics = simulate_block(self.plan, self.seed, block)
        return self.keeper.encode(block, statistics, self.keeper.keep(block, statistics))


@dataclass(frozen=True)
class WorkByBlock(Generic[T]):
    """Work on blocks of several trials' plans, which are told apart by their trials.

    Attributes
    ----------
    works : dict of Block to BlockWork
        What is done with each block.
    """

    works: dict[Block, BlockWork[T]]

    def prepare(self) -> None:
        """Compile the engine, or load it from the cache: one plan stands for all."""
        for work in list(self.works.values())[:1]:
            work.prepare()

    def alone(self, block: Block) -> BlockWork[T]:
        """The work on one block."""
        return self.works[block].alone(block)

    def __call__(self, block: Block, progress: Progress | None = None) -> Done[T]:
        """Work on a block."""
        return self.works[block](block, progress)
