"""Trials in blocks, in this process or on workers, with the same bytes either way."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from simulate.engine.arrays import (
    Plan,
    Statistics,
    new_statistics,
    new_workspace,
)
from simulate.engine.trial import simulate_trials

BLOCK_TRIALS = 20_000
CALL_TRIALS = 1_000
FEWEST_BLOCKS_FOR_WORKERS = 4
# Starting worker processes takes some two seconds.
SECONDS_WORTH_WORKERS = 5.0

Progress = Callable[[int], None]


class Block(NamedTuple):
    """Trials ``start`` to ``stop - 1``."""

    start: int
    stop: int


def blocks_of(n_trials: int, block_trials: int = BLOCK_TRIALS) -> list[Block]:
    """Cut trials 0 to ``n_trials - 1`` into aligned blocks; only the last may be shorter."""
    return [
        Block(start, min(start + block_trials, n_trials))
        for start in range(0, n_trials, block_trials)
    ]


def compile_kernels(plan: Plan) -> None:
    """Compile the engine, or load it from the cache, by asking for no trials."""
    simulate_trials(plan, np.uint64(0), 0, 0, new_workspace(plan), new_statistics(0, plan), 0)


def simulate_block(
    plan: Plan, seed: int, block: Block, progress: Progress | None = None
) -> Statistics:
    """Simulate one block, a thousand trials a call, so that it can be interrupted.

    Parameters
    ----------
    plan : Plan
        The trial.
    seed : int
        Key of the random numbers, below 2**64.
    block : Block
        Which trials.
    progress : callable, optional
        Called with the number of trials done since it was called last.

    Returns
    -------
    Statistics
        Arrays of shape (block.stop - block.start, n_rows).
    """
    statistics = new_statistics(block.stop - block.start, plan)
    workspace = new_workspace(plan)
    for start in range(block.start, block.stop, CALL_TRIALS):
        stop = min(start + CALL_TRIALS, block.stop)
        simulate_trials(
            plan, np.uint64(seed), start, stop, workspace, statistics, start - block.start
        )
        if progress:
            progress(stop - start)
    return statistics


def simulate(
    plan: Plan,
    seed: int,
    n_trials: int,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Statistics:
    """Simulate trials 0 to ``n_trials - 1``.

    Parameters
    ----------
    plan : Plan
        The trial.
    seed : int
        Key of the random numbers.
    n_trials : int
        Number of trials.
    workers : int, optional
        Processes. Fewer than four blocks run in this process. If not given, one a core, once the
        first block has shown that the rest takes longer than starting them.
    progress : callable, optional
        Called with the number of trials done since it was called last.

    Returns
    -------
    Statistics
        Arrays of shape (n_trials, n_rows), the same for any number of workers.
    """
    blocks = blocks_of(n_trials)
    statistics = new_statistics(n_trials, plan)
    for block, part in _parts(plan, seed, blocks, workers, progress):
        for column in Statistics._fields:
            getattr(statistics, column)[block.start : block.stop] = getattr(part, column)
    return statistics


def available_cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _parts(
    plan: Plan, seed: int, blocks: Sequence[Block], workers: int | None, progress: Progress | None
) -> Iterator[tuple[Block, Statistics]]:
    """Yield simulated blocks, in any order."""
    if workers is None:
        compile_kernels(plan)
        started = time.monotonic()
        yield blocks[0], simulate_block(plan, seed, blocks[0], progress)
        blocks = blocks[1:]
        is_long = (time.monotonic() - started) * len(blocks) > SECONDS_WORTH_WORKERS
        workers = available_cores() if is_long else 1
    workers = min(workers, len(blocks))
    if workers <= 1 or len(blocks) < FEWEST_BLOCKS_FOR_WORKERS:
        for block in blocks:
            yield block, simulate_block(plan, seed, block, progress)
    else:
        yield from _parts_of_workers(plan, seed, blocks, workers, progress)


def _parts_of_workers(
    plan: Plan, seed: int, blocks: Sequence[Block], workers: int, progress: Progress | None
) -> Iterator[tuple[Block, Statistics]]:
    """Yield blocks simulated by worker processes, in the order in which they are done."""
    # Imported here: small runs do not need it, and it takes time.
    from joblib import Parallel, delayed  # noqa: PLC0415

    # In this process first, so that the workers find the compiled code in the cache.
    compile_kernels(plan)
    pool = Parallel(n_jobs=workers, backend="loky", return_as="generator_unordered", batch_size=1)
    tasks = (delayed(_simulate_named_block)(plan, seed, block) for block in blocks)
    for block, part in pool(tasks):
        if progress:
            progress(block.stop - block.start)
        yield block, part


def _simulate_named_block(plan: Plan, seed: int, block: Block) -> tuple[Block, Statistics]:
    """Simulate a block and say which one it is."""
    return block, simulate_block(plan, seed, block)
