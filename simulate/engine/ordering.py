"""Order of patients by follow-up time: sort keys that carry what the scan needs.

A key is one non-negative int64: the follow-up time at the cutoff in ticks (61 bits), then 1 bit
that is 1 if the patient is censored, so that events precede censorings at equal times, then 1 bit
that is 1 in the experimental arm. A tick is 2**-61 to 2**-60 of the power of two above the cutoff.
"""

from __future__ import annotations

import numpy as np

from simulate.engine.arrays import (
    COUNT_BITS,
    COUNT_MASK,
    EVENT,
    FOLLOWED_TO_END,
    FloatArray,
    IntArray,
    UintArray,
)
from simulate.engine.compile import kernel
from simulate.engine.elementary import MANTISSA_BITS

TIME_BITS = 61
PAYLOAD_BITS = 2
CENSORED_BIT = 2
EXPERIMENTAL_BIT = 1
# Top 14 of the 63 bits: two digits of 7.
TOP_SHIFT = 49
DIGIT_BITS = 7
ONE = np.uint64(1)
SMALL = 48
FEW_SEGMENTS = 8
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
    entry: FloatArray,
    end: FloatArray,
    calendar_end: FloatArray,
    outcome: IntArray,
    arm: IntArray,
    experimental_arm: int,
    n_entered: int,
    cutoff: float,
    keys: IntArray,
) -> None:
    """Keys of the first ``n_entered`` patients at ``cutoff``, (n_entered,).

    Whose calendar month of the end is after the cutoff is censored there: the same sum that
    defined the cutoff, so the event that triggered it is always in.
    """
    scale = ticks_per_month(cutoff)
    for i in range(n_entered):
        seen = calendar_end[i] <= cutoff
        time = end[i] if seen else cutoff - entry[i]
        censored = 0 if seen & (outcome[i] == EVENT) else CENSORED_BIT
        keys[i] = (int(time * scale) << PAYLOAD_BITS) | censored | int(arm[i] == experimental_arm)


@kernel
def count_outcomes(
    arm: IntArray,
    outcome: IntArray,
    calendar_end: FloatArray,
    experimental_arm: int,
    control_arm: int,
    n_entered: int,
    cutoff: float,
) -> tuple[int, int]:
    """Patients, events and dropouts by ``cutoff`` of two arms, each three counts in one integer."""
    experimental = 0
    control = 0
    for i in range(n_entered):
        counts = 1 + (outcome[i] if calendar_end[i] <= cutoff else FOLLOWED_TO_END)
        experimental += counts if arm[i] == experimental_arm else 0
        control += counts if arm[i] == control_arm else 0
    return experimental, control


@kernel
def unpack_counts(counts: int) -> tuple[int, int, int]:
    """Patients, events and dropouts from one integer."""
    return counts & COUNT_MASK, (counts >> COUNT_BITS) & COUNT_MASK, counts >> (2 * COUNT_BITS)


@kernel
def gather_segments(
    keys: IntArray,
    arm: IntArray,
    stratum: IntArray,
    experimental_arm: int,
    control_arm: int,
    n_entered: int,
    n_segments: int,
    segment: IntArray,
    next_place: UintArray,
    out: IntArray,
) -> None:
    """Copy the keys of compared patients so that each stratum stands together.

    ``n_segments`` is the number of strata, or 1 if the test is not stratified. Stratum ``s`` then
    takes ``out[segment[s]:segment[s + 1]]``. ``segment``: (n_segments + 1,); ``next_place``:
    (n_segments,).
    """
    for s in range(n_segments):
        next_place[s] = np.uint64(0)
    if n_segments <= FEW_SEGMENTS:
        # A pass a stratum vectorises.
        for s in range(n_segments):
            count = 0
            for i in range(n_entered):
                is_compared = (arm[i] == experimental_arm) | (arm[i] == control_arm)
                count += int(is_compared & ((stratum[i] == s) | (n_segments == 1)))
            next_place[s] = np.uint64(count)
    else:
        for i in range(n_entered):
            is_compared = (arm[i] == experimental_arm) | (arm[i] == control_arm)
            next_place[np.uint64(stratum[i])] += np.uint64(is_compared)
    place = 0
    for s in range(n_segments):
        segment[s] = place
        place += int(next_place[s])
        next_place[s] = np.uint64(segment[s])
    segment[n_segments] = place
    for i in range(n_entered):
        if (arm[i] == experimental_arm) | (arm[i] == control_arm):
            own = np.uint64(stratum[i] if n_segments > 1 else 0)
            out[next_place[own]] = keys[i]
            next_place[own] += ONE


@kernel
def merge_two(keys: IntArray, middle: int, n: int, out: IntArray) -> None:
    """Merge ``keys[:middle]`` and ``keys[middle:n]``, each sorted, into ``out[:n]``.

    From both ends at once: each choice waits for the one before, and two chains wait together.
    """
    last = n - 1
    low = int(np.int64(0))
    other_low = middle
    high = middle - 1
    other_high = last
    for k in range((n + 1) // 2):
        first = keys[np.uint64(min(low, last))]
        second = keys[np.uint64(min(other_low, last))]
        is_first = (other_low > last) | ((low < middle) & (first <= second))
        out[k] = first if is_first else second
        low += int(is_first)
        other_low += int(not is_first)
        first = keys[np.uint64(max(high, 0))]
        second = keys[np.uint64(max(other_high, 0))]
        is_first = (other_high < middle) | ((high >= 0) & (first > second))
        out[last - k] = first if is_first else second
        high -= int(is_first)
        other_high -= int(not is_first)


@kernel
def sort_keys(keys: IntArray, n: int, buffer: IntArray, places: UintArray) -> None:
    """Sort ``keys[:n]`` in place; ``buffer`` is as long as keys, ``places`` (2, 256).

    Two stable counting passes on the top 14 bits leave few inversions unless many keys share those
    bits; then insertion would be slow, and all the bytes are sorted instead.
    """
    if n <= SMALL:
        _finish_by_insertion(keys, n, n * SMALL)
        return
    # Typed: literals would compile the kernel a second time.
    shift = int(np.int64(TOP_SHIFT))
    bits = int(np.int64(DIGIT_BITS))
    _two_passes(keys, buffer, n, shift, bits, places)
    if not _finish_by_insertion(keys, n, n * MOVES_A_KEY):
        for byte in range(0, 8, 2):
            _two_passes(keys, buffer, n, 8 * byte, bits + 1, places)


@kernel
def _two_passes(
    keys: IntArray, buffer: IntArray, n: int, shift: int, bits: int, places: UintArray
) -> None:
    """Stable counting sort of ``keys[:n]`` by two digits of ``bits`` bits, the lower at ``shift``.

    Unsigned indices spare numba's test for negative ones.
    """
    lower = np.uint64(shift)
    upper = np.uint64(shift + bits)
    mask = np.uint64((1 << bits) - 1)
    low_places = places[0]
    high_places = places[1]
    for digit in range(1 << bits):
        low_places[digit] = np.uint64(0)
        high_places[digit] = np.uint64(0)
    for i in range(n):
        key = np.uint64(keys[i])
        low_places[(key >> lower) & mask] += ONE
        high_places[(key >> upper) & mask] += ONE
    low_place = np.uint64(0)
    high_place = np.uint64(0)
    for digit in range(1 << bits):
        low_count = low_places[digit]
        low_places[digit] = low_place
        low_place += low_count
        high_count = high_places[digit]
        high_places[digit] = high_place
        high_place += high_count
    for i in range(n):
        digit_of_key = (np.uint64(keys[i]) >> lower) & mask
        place = low_places[digit_of_key]
        buffer[place] = keys[i]
        low_places[digit_of_key] = place + ONE
    for i in range(n):
        digit_of_key = (np.uint64(buffer[i]) >> upper) & mask
        place = high_places[digit_of_key]
        keys[place] = buffer[i]
        high_places[digit_of_key] = place + ONE


@kernel
def _finish_by_insertion(keys: IntArray, n: int, budget: int) -> bool:
    """Insertion sort of ``keys[:n]``; False if it gave up after ``budget`` moves."""
    moves = 0
    for i in range(1, n):
        key = keys[i]
        if keys[i - 1] <= key:
            continue
        j = i
        while j > 0 and keys[j - 1] > key:
            keys[j] = keys[j - 1]
            j -= 1
        keys[j] = key
        moves += i - j
        if moves > budget:
            return False
    return True
