"""Order of patients by follow-up time: sort keys that carry what the scan needs.

A key is one non-negative int64: the follow-up time at the cutoff in ticks, then 1 bit that is 1 if
the patient is censored, so that events precede censorings at equal times, then 1 bit that is 1 in
the experimental arm. Without strata a time has 61 bits. With strata, as many bits as number them
are taken from the time's and stand below the rest while keys are sorted: patients are sorted once,
and each stratum's are then picked out, in order.
"""

from __future__ import annotations

import numpy as np

from simulate.engine.arrays import FloatArray, IntArray, UintArray
from simulate.engine.codes import COUNT_BITS, COUNT_MASK, EVENT, FOLLOWED_TO_END
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
FEW_STRATA = 8
SMALLEST_CUTOFF = 1e-6
MOVES_A_KEY = 8


@kernel
def ticks_per_month(cutoff: float, stratum_bits: int) -> float:
    """Power of two that turns follow-up times up to ``cutoff`` into whole ticks of limited size.

    They have fewer bits than `TIME_BITS` by the ``stratum_bits``, which number the strata.
    """
    exponent = np.uint64(np.float64(max(cutoff, SMALLEST_CUTOFF)).view(np.uint64) >> MANTISSA_BITS)
    bits = np.uint64(2 * 1023 + TIME_BITS - 1 - stratum_bits)
    return np.uint64((bits - exponent) << MANTISSA_BITS).view(np.float64)


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
    stratum_bits: int,
    keys: IntArray,
) -> None:
    """Keys of the first ``n_entered`` patients at ``cutoff``, without strata, (n_entered,).

    Whose calendar month of the end is after the cutoff is censored there: the same sum that
    defined the cutoff, so the event that triggered it is always in.
    """
    scale = ticks_per_month(cutoff, stratum_bits)
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
def append_strata(stratum: IntArray, n: int, stratum_bits: int, keys: IntArray) -> None:
    """Put each patient's stratum below its key, (n,)."""
    for i in range(n):
        keys[i] = (keys[i] << stratum_bits) | stratum[i]


@kernel
def keep_arms(
    arm: IntArray, experimental_arm: int, control_arm: int, n: int, keys: IntArray
) -> int:
    """Move the keys of the patients of two arms to the front of ``keys[:n]``; returns how many."""
    place = np.uint64(0)
    for i in range(n):
        # Written for the others, too, and then overwritten: cheaper than a branch.
        keys[place] = keys[i]
        place += np.uint64((arm[i] == experimental_arm) | (arm[i] == control_arm))
    return int(np.int64(place))


@kernel
def take_off_strata(keys: IntArray, n: int, stratum_bits: int, out: IntArray) -> None:
    """Keys without the strata that `append_strata` put below them, in the order of ``keys[:n]``."""
    for i in range(n):
        out[i] = keys[i] >> stratum_bits


@kernel
def part_strata(
    keys: IntArray,
    n: int,
    stratum_bits: int,
    n_strata: int,
    next_place: UintArray,
    segment: IntArray,
    out: IntArray,
) -> None:
    """Keys without their strata, stratum after stratum, each in the order of ``keys[:n]``.

    Stratum ``s`` takes ``out[segment[s]:segment[s + 1]]``; ``segment`` is (n_strata + 1,), ``out``
    (n + 1,), ``next_place`` (n_strata,) scratch.
    """
    segment[0] = 0
    mask = (1 << stratum_bits) - 1
    if n_strata == 2:
        segment[1] = _part_two(keys, n, out)
        segment[2] = n
        return
    if n_strata <= FEW_STRATA:
        place = np.uint64(0)
        for s in range(n_strata):
            for i in range(n):
                # Written for other strata, too, and then overwritten: cheaper than a branch.
                out[place] = keys[i] >> stratum_bits
                place += np.uint64((keys[i] & mask) == s)
            segment[s + 1] = int(np.int64(place))
        return
    for s in range(n_strata):
        next_place[s] = np.uint64(0)
    for i in range(n):
        next_place[np.uint64(keys[i] & mask)] += ONE
    for s in range(n_strata):
        segment[s + 1] = segment[s] + int(next_place[s])
        next_place[s] = np.uint64(segment[s])
    for i in range(n):
        own = np.uint64(keys[i] & mask)
        out[next_place[own]] = keys[i] >> stratum_bits
        next_place[own] += ONE


@kernel
def _part_two(keys: IntArray, n: int, out: IntArray) -> int:
    """As `part_strata` for two strata, told by the lowest bit; returns where the second begins.

    One count of keys in a register says where both strata are.
    """
    middle = n
    for i in range(n):
        middle -= keys[i] & 1
    in_second = 0
    for i in range(n):
        is_second = keys[i] & 1
        place = middle + in_second if is_second == 1 else i - in_second
        out[np.uint64(place)] = keys[i] >> 1
        in_second += is_second
    return middle


@kernel
def count_keys_until(keys: IntArray, n: int, scale: float, month: float) -> int:
    """Number of sorted ``keys[:n]``, ``scale`` their ticks a month, at or before ``month``."""
    inverse_scale = 1.0 / scale
    low = 0
    high = n
    while low < high:
        middle = (low + high) // 2
        if (keys[middle] >> PAYLOAD_BITS) * inverse_scale <= month:
            low = middle + 1
        else:
            high = middle
    return low


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
