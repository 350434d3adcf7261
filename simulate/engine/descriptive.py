"""Figures of one arm that are read off its curve or its follow-up, as publications give them."""

from __future__ import annotations

import math

import numpy as np

from simulate.engine.arrays import Curve, IntArray
from simulate.engine.codes import STATUS_NOT_ESTIMABLE
from simulate.engine.compile import kernel
from simulate.engine.kaplan_meier import log_log_limits, survival_after, survival_variance
from simulate.engine.ordering import CENSORED_BIT, PAYLOAD_BITS, ticks_per_month


@kernel
def last_survival_of_arm(
    curve: Curve, n_rows: int, last: float, quantile: float
) -> tuple[float, float, float, float, int]:
    """Survival of an arm after its last event: estimate, standard error, limits, flag.

    Limits are as in `survival_of_arm`. Without events it is 1, with standard error 0. The flag is
    `STATUS_NOT_ESTIMABLE` without patients: there is no ``last`` follow-up.
    """
    if last < 0.0:
        return np.nan, np.nan, np.nan, np.nan, STATUS_NOT_ESTIMABLE
    survival = survival_after(curve, n_rows)
    variance = survival_variance(curve, n_rows)
    se = math.sqrt(variance)
    if not 0.0 < survival < 1.0:
        return survival, se, np.nan, np.nan, 0
    lower, upper = log_log_limits(survival, variance, quantile)
    return survival, se, lower, upper, 0


@kernel
def share_event_free(
    keys: IntArray, n: int, month: float, cutoff: float, stratum_bits: int
) -> tuple[int, float, float, int]:
    """Share of an arm seen event-free up to a month: their number, share, standard error, flag.

    Of sorted ``keys[:n]`` at ``cutoff``, all of the arm, whose times lack ``stratum_bits``. Who is
    censored before the month is not seen so far; at an equal time an event comes first. The
    standard error is that of a proportion; the flag `STATUS_NOT_ESTIMABLE` without patients.
    """
    if n == 0:
        return 0, np.nan, np.nan, STATUS_NOT_ESTIMABLE
    free = 0
    # Nobody is followed for longer than to the cutoff.
    if month <= cutoff:
        least = (int(month * ticks_per_month(cutoff, stratum_bits)) << PAYLOAD_BITS) | CENSORED_BIT
        for i in range(n):
            free += int(keys[i] >= least)
    share = free / n
    return free, share, math.sqrt(share * (1.0 - share) / n), 0


@kernel
def extreme_event(curve: Curve, n_rows: int, is_last: bool) -> tuple[float, int]:
    """First or last event of an arm in months, flag: `STATUS_NOT_ESTIMABLE` without events."""
    if n_rows == 0:
        return np.nan, STATUS_NOT_ESTIMABLE
    return float(curve.months[n_rows - 1 if is_last else 0]), 0
