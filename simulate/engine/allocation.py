"""Strata and arms: who is in which cell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulate.engine.arrays import FloatArray, IntArray, UintArray
from simulate.engine.compile import kernel
from simulate.engine.philox import draw_arrangements

FEW_STRATA = 8


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
    sequence: IntArray,
    next_place: UintArray,
    arm: IntArray,
) -> None:
    """Arm of each patient by permuted blocks in order of entry within the stratum, (n,).

    ``picks`` (n + n_strata,), ``sequence`` (n + n_strata * block_size,) and ``next_place``
    (n_strata,) are scratch.
    """
    n_arrangements, size = arrangements.shape
    count_strata(stratum, n, n_strata, next_place)
    # Each stratum's blocks stand together; `next_place` becomes the place of its next patient.
    first = 0
    for s in range(n_strata):
        n_blocks = (int(next_place[s]) + size - 1) // size
        draw_arrangements(seed, trial, s, n_blocks, n_arrangements, picks[first:])
        next_place[s] = np.uint64(first * size)
        first += n_blocks
    # The arms of all the blocks one after the other, which spares a division a patient.
    for j in range(size):
        for block in range(first):
            sequence[block * size + j] = arrangements[np.uint64(picks[block]), j]
    if n_strata == 2:
        _take_from_two(stratum, n, next_place[1], sequence, arm)
        return
    for i in range(n):
        own = np.uint64(stratum[i])
        place = next_place[own]
        next_place[own] = place + np.uint64(1)
        arm[i] = sequence[place]


@kernel
def _take_from_two(
    stratum: IntArray, n: int, first_of_second: np.uint64, sequence: IntArray, arm: IntArray
) -> None:
    """Give each patient of two strata the next arm of its own in ``sequence``, (n,).

    One count of patients in a register says where both strata are.
    """
    in_second = np.uint64(0)
    for i in range(n):
        is_second = np.uint64(stratum[i])
        place = first_of_second + in_second if stratum[i] == 1 else np.uint64(i) - in_second
        arm[i] = sequence[place]
        in_second += is_second


@kernel
def count_strata(stratum: IntArray, n: int, n_strata: int, counts: UintArray) -> None:
    """Number of patients in each stratum, (n_strata,)."""
    if n_strata <= FEW_STRATA:
        # A pass a stratum vectorises.
        for s in range(n_strata):
            count = 0
            for i in range(n):
                count += int(stratum[i] == s)
            counts[s] = np.uint64(count)
        return
    for s in range(n_strata):
        counts[s] = np.uint64(0)
    for i in range(n):
        counts[np.uint64(stratum[i])] += np.uint64(1)


@kernel
def assign_cells(arm: IntArray, stratum: IntArray, n_strata: int, n: int, cell: UintArray) -> None:
    """Cell of each patient, ``arm * n_strata + stratum``, (n,)."""
    for i in range(n):
        cell[i] = np.uint64(arm[i] * n_strata + stratum[i])
