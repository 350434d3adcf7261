"""Strata and arms: who is in which cell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulate.engine.arrays import FloatArray, IntArray, UintArray
from simulate.engine.compile import kernel
from simulate.engine.philox import draw_arrangements


@kernel
def assign_strata(uniforms: FloatArray, upper: FloatArray, n: int, stratum: IntArray) -> None:
    """Stratum of each patient: the number of cumulative prevalences at or below its uniform."""
    for i in range(n):
        stratum[i] = 0
    for s in range(len(upper) - 1):
        for i in range(n):
            stratum[i] += int(uniforms[i] >= upper[s])


@kernel
def randomise(
    seed: np.uint64,
    trial: np.uint64,
    arrangements: NDArray[np.int8],
    n: int,
    picks: IntArray,
    arm: IntArray,
) -> None:
    """Arm of each patient by permuted blocks in order of entry, (n,)."""
    n_arrangements, size = arrangements.shape
    n_blocks = (n + size - 1) // size
    no_stratum = int(np.int64(0))  # typed: a literal would compile the kernel a second time
    draw_arrangements(seed, trial, no_stratum, n_blocks, n_arrangements, picks)
    last_block = n_blocks - 1
    # All the first places, then all the second ones: long loops instead of many short ones.
    for j in range(size):
        for block in range(last_block):
            arm[block * size + j] = arrangements[np.uint64(picks[block]), j]
    for i in range(last_block * size, n):
        arm[i] = arrangements[picks[last_block], i - last_block * size]


@kernel
def randomise_within_strata(
    seed: np.uint64,
    trial: np.uint64,
    arrangements: NDArray[np.int8],
    stratum: IntArray,
    n: int,
    n_strata: int,
    picks: IntArray,
    next_place: IntArray,
    arm: IntArray,
) -> None:
    """Arm of each patient by permuted blocks in order of entry within the stratum, (n,).

    ``picks`` (n + n_strata,) and ``next_place`` (n_strata + 1,) are scratch.
    """
    n_arrangements, size = arrangements.shape
    for s in range(n_strata):
        next_place[s] = 0
    for i in range(n):
        next_place[stratum[i]] += 1
    # Each stratum's blocks stand together in `picks`; `next_place` becomes the place, counted in
    # patients, of the stratum's next one.
    first = 0
    for s in range(n_strata):
        n_blocks = (next_place[s] + size - 1) // size
        draw_arrangements(seed, trial, s, n_blocks, n_arrangements, picks[first:])
        next_place[s] = first * size
        first += n_blocks
    for i in range(n):
        place = next_place[stratum[i]]
        next_place[stratum[i]] = place + 1
        arm[i] = arrangements[picks[place // size], place % size]


@kernel
def assign_cells(arm: IntArray, stratum: IntArray, n_strata: int, n: int, cell: UintArray) -> None:
    """Cell of each patient, ``arm * n_strata + stratum``, (n,)."""
    for i in range(n):
        cell[i] = np.uint64(arm[i] * n_strata + stratum[i])
