"""Risk sets at the event times, and the (stratified) log-rank test on them."""

from __future__ import annotations

import numpy as np

from simulate.engine.arrays import FloatArray, IntArray, RiskSets
from simulate.engine.codes import COUNT_BITS, COUNT_MASK
from simulate.engine.compile import kernel
from simulate.engine.ordering import CENSORED_BIT, EXPERIMENTAL_BIT, PAYLOAD_BITS

LANES = 8


@kernel
def at_risk(counts: int) -> int:
    """Patients at risk, from the counts of a risk set."""
    return counts & COUNT_MASK


@kernel
def at_risk_experimental(counts: int) -> int:
    """Experimental patients at risk, from the counts of a risk set."""
    return (counts >> COUNT_BITS) & COUNT_MASK


@kernel
def events_experimental(counts: int) -> int:
    """Experimental events, from the counts of a risk set."""
    return counts >> (2 * COUNT_BITS)


@kernel
def scan_risk_sets(keys: IntArray, n: int, n_sets: int, counts: IntArray) -> tuple[int, int]:
    """Append to ``counts`` the risk sets of one stratum, whose sorted keys are ``keys[:n]``.

    Returns the new number of risk sets, one an event, and the number of events that were tied with
    an earlier one; if there are any, the risk sets are those of `scan_tied_risk_sets` instead.
    """
    remaining = n | (_count_experimental(keys, n) << COUNT_BITS)
    place = np.uint64(n_sets)
    for i in range(n):
        key = keys[i]
        is_experimental = key & EXPERIMENTAL_BIT
        # Written for censorings, too, and then overwritten: cheaper than a branch.
        counts[place] = remaining | (is_experimental << (2 * COUNT_BITS))
        place += np.uint64(1 - ((key & CENSORED_BIT) >> 1))
        remaining -= 1 + (is_experimental << COUNT_BITS)
    return int(np.int64(place)), _count_tied(keys, n)


@kernel
def _count_tied(keys: IntArray, n: int) -> int:
    """Number of events at the time of the event before, in sorted ``keys[:n]``.

    Events come first at a time: an event with the ticks of the key before is tied to it.
    """
    n_tied = 0
    for i in range(1, n):
        same = int((keys[i] >> PAYLOAD_BITS) == (keys[i - 1] >> PAYLOAD_BITS))
        n_tied += same & int((keys[i] & CENSORED_BIT) == 0)
    return n_tied


@kernel
def scan_tied_risk_sets(keys: IntArray, n: int, n_sets: int, risk_sets: RiskSets) -> int:
    """Append the risk sets of one stratum, one a distinct event time; returns the new number."""
    remaining = n | (_count_experimental(keys, n) << COUNT_BITS)
    previous = -1
    for i in range(n):
        key = keys[i]
        is_experimental = key & EXPERIMENTAL_BIT
        ticks = key >> PAYLOAD_BITS
        if key & CENSORED_BIT == 0:
            # Events come first at a time: an event with the ticks of the key before is tied to it.
            if ticks != previous:
                risk_sets.counts[n_sets] = remaining
                risk_sets.events[n_sets] = 0
                n_sets += 1
            risk_sets.counts[n_sets - 1] += is_experimental << (2 * COUNT_BITS)
            risk_sets.events[n_sets - 1] += 1
        previous = ticks
        remaining -= 1 + (is_experimental << COUNT_BITS)
    return n_sets


@kernel
def _count_experimental(keys: IntArray, n: int) -> int:
    """Number of experimental patients among ``keys[:n]``."""
    experimental = 0
    for i in range(n):
        experimental += keys[i] & EXPERIMENTAL_BIT
    return experimental


@kernel
def lane_sum(values: FloatArray, n: int) -> float:
    """Sum of ``values[:n]`` in one fixed order: eight interleaved sums, which do not wait."""
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
    whole = n - n % LANES
    for i in range(0, whole, LANES):
        s0 += values[i]
        s1 += values[i + 1]
        s2 += values[i + 2]
        s3 += values[i + 3]
        s4 += values[i + 4]
        s5 += values[i + 5]
        s6 += values[i + 6]
        s7 += values[i + 7]
    rest = 0.0
    for i in range(whole, n):
        rest += values[i]
    return (((s0 + s4) + (s2 + s6)) + ((s1 + s5) + (s3 + s7))) + rest


@kernel
def logrank(
    risk_sets: RiskSets,
    n_sets: int,
    n_tied: int,
    null_hazard_ratio: float,
    expected: FloatArray,
    variance: FloatArray,
) -> tuple[float, float]:
    """Expected events of the experimental arm and their variance under the null.

    At an event time with ``d`` events among ``n`` at risk, ``n1`` of them experimental, the number
    of experimental events has mean ``d p`` and variance ``d p (1 - p) (n - d) / (n - 1)``, where
    ``p = r n1 / (n - n1 + r n1)`` for the null hazard ratio ``r``: hypergeometric for ``r = 1``
    (Mantel 1966; Peto and Peto 1972), with the experimental risk set weighted by ``r`` otherwise.
    ``expected`` and ``variance`` (n_sets,) are scratch.
    """
    counts = risk_sets.counts
    for j in range(n_sets):
        n1 = at_risk_experimental(counts[j])
        weighted = null_hazard_ratio * n1
        p = weighted / (at_risk(counts[j]) - n1 + weighted)
        expected[j] = p
        variance[j] = p * (1.0 - p)
    if n_tied > 0:
        for j in range(n_sets):
            d = risk_sets.events[j]
            if d > 1:
                n = at_risk(counts[j])
                expected[j] *= d
                variance[j] *= d * ((n - d) / (n - 1.0))
    return lane_sum(expected, n_sets), lane_sum(variance, n_sets)
