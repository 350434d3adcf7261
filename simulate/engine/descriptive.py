"""Figures of one arm that are read off its curve or its follow-up, as publications give them."""

from __future__ import annotations

import math

import numpy as np

from simulate.engine.arrays import (
    ESTIMATE_OF_LAST_SURVIVAL,
    ESTIMATE_OF_MAXIMUM,
    ESTIMATE_OF_SHARE_EVENT_FREE,
    STATUS_NOT_ESTIMABLE,
    Curve,
    IntArray,
    Plan,
    Statistics,
)
from simulate.engine.compile import inlined_kernel, kernel
from simulate.engine.kaplan_meier import log_log_limits, survival_after, survival_variance
from simulate.engine.ordering import CENSORED_BIT, PAYLOAD_BITS, ticks_per_month
from simulate.engine.workspace import Workspace


@inlined_kernel
def describe_arm(
    plan: Plan,
    workspace: Workspace,
    keys: IntArray,
    statistics: Statistics,
    trial_row: int,
    row: int,
    n_rows: int,
) -> tuple[float, float, float, float, int]:
    """A figure of one arm whose order and curve are there: estimate, standard error, limits, flag.

    Of a share, the number seen event-free is written in the place of the events.
    """
    hypothesis = plan.row_hypothesis[row]
    kind = plan.hypotheses.kind[hypothesis]
    curve = workspace.experimental_curve
    if kind == ESTIMATE_OF_LAST_SURVIVAL:
        quantile = plan.hypotheses.quantile[hypothesis]
        return last_survival_of_arm(curve, n_rows, workspace.last_follow_up[0], quantile)
    if kind == ESTIMATE_OF_SHARE_EVENT_FREE:
        free, share, se, flag = share_event_free(
            keys,
            workspace.segment[1],
            plan.hypotheses.months[hypothesis],
            statistics.cutoff[trial_row, row],
            plan.stratum_bits,
        )
        statistics.events_experimental[trial_row, row] = free
        return share, se, np.nan, np.nan, flag
    if n_rows == 0:
        return np.nan, np.nan, np.nan, np.nan, STATUS_NOT_ESTIMABLE
    place = n_rows - 1 if kind == ESTIMATE_OF_MAXIMUM else 0
    return float(curve.months[place]), np.nan, np.nan, np.nan, 0


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

    Of sorted ``keys[:n]`` at ``cutoff``, all of the arm, whose times lack ``stratum_bits``. Who is censored before the month is not
    seen so far; at an equal time an event comes first. The standard error is that of a proportion;
    the flag `STATUS_NOT_ESTIMABLE` without patients.
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
