"""Risk sets at the event times, and the (stratified) log-rank test on them."""

from __future__ import annotations

import numpy as np

from simulate.engine.arrays import FloatArray, IntArray, Rows
from simulate.engine.compile import kernel
from simulate.engine.ordering import CENSORED_BIT, EXPERIMENTAL_BIT, PAYLOAD_BITS

LANES = 8


@kernel
def scan_risk_sets(
    keys: IntArray,
    first: int,
    last: int,
    n_rows: int,
    at_risk: IntArray,
    at_risk_experimental: IntArray,
    events_experimental: IntArray,
) -> tuple[int, int]:
    """Append the risk sets of one stratum, whose sorted keys are ``keys[first:last]``.

    Returns the new number of rows, one an event, and the number of events that were tied with an
    earlier one; if there are any, the rows are those of `scan_tied_risk_sets` instead.
    """
    experimental = _count_experimental(keys, first, last)
    row = np.uint64(n_rows)
    for i in range(first, last):
        key = keys[i]
        is_experimental = key & EXPERIMENTAL_BIT
        # Written for censorings, too, and then overwritten: cheaper than a branch.
        at_risk[row] = last - i
        at_risk_experimental[row] = experimental
        events_experimental[row] = is_experimental
        row += np.uint64(1 - ((key & CENSORED_BIT) >> 1))
        experimental -= is_experimental
    return int(np.int64(row)), _count_tied(keys, first, last)


@kernel
def _count_tied(keys: IntArray, first: int, last: int) -> int:
    """Number of events at the time of the event before, in sorted ``keys[first:last]``.

    Events come first at a time: an event with the ticks of the key before is tied to it.
    """
    n_tied = 0
    for i in range(first + 1, last):
        same = int((keys[i] >> PAYLOAD_BITS) == (keys[i - 1] >> PAYLOAD_BITS))
        n_tied += same & int((keys[i] & CENSORED_BIT) == 0)
    return n_tied


@kernel
def scan_tied_risk_sets(keys: IntArray, first: int, last: int, n_rows: int, rows: Rows) -> int:
    """Append the risk sets of one stratum, one a distinct event time; returns the new number."""
    experimental = _count_experimental(keys, first, last)
    previous = -1
    for i in range(first, last):
        key = keys[i]
        is_experimental = key & EXPERIMENTAL_BIT
        ticks = key >> PAYLOAD_BITS
        if key & CENSORED_BIT == 0:
            # Events come first at a time: an event with the ticks of the key before is tied to it.
            if ticks == previous:
                rows.events[n_rows - 1] += 1
                rows.events_experimental[n_rows - 1] += is_experimental
            else:
                rows.at_risk[n_rows] = last - i
                rows.at_risk_experimental[n_rows] = experimental
                rows.events[n_rows] = 1
                rows.events_experimental[n_rows] = is_experimental
                n_rows += 1
        previous = ticks
        experimental -= is_experimental
    return n_rows


@kernel
def _count_experimental(keys: IntArray, first: int, last: int) -> int:
    """Number of experimental patients among ``keys[first:last]``."""
    experimental = 0
    for i in range(first, last):
        experimental += keys[i] & EXPERIMENTAL_BIT
    return experimental


@kernel
def lane_sum(values: FloatArray, n: int) -> float:
    """Sum of ``values[:n]`` in eight interleaved partial sums: one fixed order that vectorises."""
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
    rows: Rows,
    n_rows: int,
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
    ``expected`` and ``variance`` (n_rows,) are scratch.
    """
    for j in range(n_rows):
        weighted = null_hazard_ratio * rows.at_risk_experimental[j]
        p = weighted / (rows.at_risk[j] - rows.at_risk_experimental[j] + weighted)
        expected[j] = p
        variance[j] = p * (1.0 - p)
    if n_tied > 0:
        for j in range(n_rows):
            d = rows.events[j]
            if d > 1:
                n = rows.at_risk[j]
                expected[j] *= d
                variance[j] *= d * ((n - d) / (n - 1.0))
    return lane_sum(expected, n_rows), lane_sum(variance, n_rows)
