"""Order of patients by follow-up time: sort keys that carry what the scan needs.

A key is one non-negative int64: the follow-up time at the cutoff in ticks (61 bits), then 1 bit
that is 1 if the patient is censored, so that events precede censorings at equal times, then 1 bit
that is 1 in the experimental arm. A tick is 2**-61 to 2**-60 of the power of two above the cutoff.
"""

from __future__ import annotations

import numpy as np

from simulate.engine.arrays import DROPOUT, EVENT, NOT_COMPARED, IntArray, Patients
from simulate.engine.compile import kernel
from simulate.engine.elementary import MANTISSA_BITS

TIME_BITS = 61
PAYLOAD_BITS = 2
CENSORED_BIT = 2
EXPERIMENTAL_BIT = 1
# Top 14 of the 63 bits: two passes of 7.
TOP_SHIFT = 49
DIGIT = 128
DIGIT_BITS = 7
SMALL = 48
SMALLEST_CUTOFF = 1e-6
MOVES_A_KEY = 8


@kernel
def ticks_per_month(cutoff: float) -> float:
    """Power of two that turns any follow-up time up to ``cutoff`` into fewer than 2**61 ticks."""
    exponent = np.uint64(np.float64(max(cutoff, SMALLEST_CUTOFF)).view(np.uint64) >> MANTISSA_BITS)
    return np.uint64((np.uint64(2 * 1023 + TIME_BITS - 1) - exponent) << MANTISSA_BITS).view(
        np.float64
    )


@kernel
def build_keys(
    patients: Patients, n_entered: int, cutoff: float, role_of_cell: IntArray, keys: IntArray
) -> None:
    """Keys of the first ``n_entered`` patients at ``cutoff``, all of them compared, (n_entered,).

    Whose calendar month of the end is after the cutoff is censored there: the same sum that
    defined the cutoff, so the event that triggered it is always in.
    """
    scale = ticks_per_month(cutoff)
    for i in range(n_entered):
        seen = patients.calendar_end[i] <= cutoff
        time = patients.end[i] if seen else cutoff - patients.entry[i]
        is_event = seen & (patients.outcome[i] == EVENT)
        censored = 0 if is_event else CENSORED_BIT
        ticks = int(time * scale)
        keys[i] = (ticks << PAYLOAD_BITS) | censored | role_of_cell[patients.cell[i]]


@kernel
def count_outcomes(
    patients: Patients, n_entered: int, cutoff: float, role_of_cell: IntArray, role: int
) -> tuple[int, int, int]:
    """Patients, events and dropouts by ``cutoff`` among those with ``role``."""
    n_patients = 0
    n_events = 0
    n_dropouts = 0
    for i in range(n_entered):
        counted = int(role_of_cell[patients.cell[i]] == role)
        seen = counted * int(patients.calendar_end[i] <= cutoff)
        n_patients += counted
        n_events += seen * int(patients.outcome[i] == EVENT)
        n_dropouts += seen * int(patients.outcome[i] == DROPOUT)
    return n_patients, n_events, n_dropouts


@kernel
def gather_segments(
    keys: IntArray,
    patients: Patients,
    n_entered: int,
    role_of_cell: IntArray,
    n_segments: int,
    segment: IntArray,
    next_place: IntArray,
    out: IntArray,
) -> None:
    """Copy the keys of compared patients so that each stratum stands together.

    ``n_segments`` is the number of strata, or 1 if the test is not stratified. Stratum ``s`` then
    takes ``out[segment[s]:segment[s + 1]]``. ``segment`` and ``next_place``: (n_segments + 1,).
    """
    for s in range(n_segments + 1):
        segment[s] = 0
    for i in range(n_entered):
        s = patients.stratum[i] if n_segments > 1 else 0
        segment[s + 1] += int(role_of_cell[patients.cell[i]] != NOT_COMPARED)
    for s in range(n_segments):
        segment[s + 1] += segment[s]
        next_place[s] = segment[s]
    for i in range(n_entered):
        if role_of_cell[patients.cell[i]] != NOT_COMPARED:
            s = patients.stratum[i] if n_segments > 1 else 0
            out[next_place[s]] = keys[i]
            next_place[s] += 1


@kernel
def sort_keys(keys: IntArray, first: int, last: int, buffer: IntArray, counts: IntArray) -> None:
    """Sort ``keys[first:last]`` in place; ``buffer`` is as long as keys, ``counts`` (2 * 256,).

    Two stable counting passes on the top 14 bits leave few inversions unless many keys share those
    bits; then insertion would be slow, and all the bytes are sorted instead.
    """
    if last - first <= SMALL:
        _finish_by_insertion(keys, first, last, (last - first) * SMALL)
        return
    _pass(keys, buffer, first, last, TOP_SHIFT, DIGIT - 1, counts)
    _pass(buffer, keys, first, last, TOP_SHIFT + DIGIT_BITS, DIGIT - 1, counts)
    if not _finish_by_insertion(keys, first, last, (last - first) * MOVES_A_KEY):
        for byte in range(0, 8, 2):
            _pass(keys, buffer, first, last, 8 * byte, 255, counts)
            _pass(buffer, keys, first, last, 8 * byte + 8, 255, counts)


@kernel
def _pass(
    source: IntArray, out: IntArray, first: int, last: int, shift: int, mask: int, counts: IntArray
) -> None:
    """Stable counting sort of ``source[first:last]`` by one digit into ``out``."""
    for digit in range(mask + 1):
        counts[digit] = 0
    for i in range(first, last):
        counts[(source[i] >> shift) & mask] += 1
    place = first
    for digit in range(mask + 1):
        count = counts[digit]
        counts[digit] = place
        place += count
    for i in range(first, last):
        digit = (source[i] >> shift) & mask
        out[counts[digit]] = source[i]
        counts[digit] += 1


@kernel
def _finish_by_insertion(keys: IntArray, first: int, last: int, budget: int) -> bool:
    """Insertion sort of ``keys[first:last]``; False if it gave up after ``budget`` moves."""
    moves = 0
    for i in range(first + 1, last):
        key = keys[i]
        j = i
        while j > first and keys[j - 1] > key:
            keys[j] = keys[j - 1]
            j -= 1
        keys[j] = key
        moves += i - j
        if moves > budget:
            return False
    return True
