"""Trials in blocks, in this process or on workers, with the same statistics either way."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from simulate.engine.compile import has_compiled_code
from simulate.engine.plan import Plan
from simulate.engine.statistics import Statistics, new_statistics
from simulate.engine.trial import simulate_trials
from simulate.engine.workspace import new_workspace, trials_at_once
from simulate.runner.interrupts import held_back, kept

BLOCK_TRIALS = 20_000
# A call takes 0.2 ms before it begins: the types of all arrays are looked up.
CALL_PATIENTS = 1_000_000

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
    """Compile the engine, or load it from the cache, by asking for no trials.

    Compiled code is loaded and stored in calls from C, which swallow an interrupt.
    """
    with held_back() if has_compiled_code() else kept():
        simulate_trials(plan, np.uint64(0), 0, 0, new_workspace(plan), new_statistics(0, plan), 0)


def simulate_block(
    plan: Plan, seed: int, block: Block, progress: Progress | None = None
) -> Statistics:
    """Simulate one block, some million patients a call, so that it can be interrupted.

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
    workspace = new_workspace(plan, trials_at_once(plan))
    call_trials = max(1, CALL_PATIENTS // plan.n_patients)
    for start in range(block.start, block.stop, call_trials):
        stop = min(start + call_trials, block.stop)
        simulate_trials(
            plan, np.uint64(seed), start, stop, workspace, statistics, start - block.start
        )
        if progress:
            progress(stop - start)
    return statistics
