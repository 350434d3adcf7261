"""Hazard ratio of two arms: the (stratified) Cox model with the arm as its one covariate."""

from __future__ import annotations

import math

from simulate.engine.arrays import (
    ESTIMATE_EFRON,
    STATUS_ESTIMATE_INFINITE,
    STATUS_ESTIMATE_NOT_CONVERGED,
    FloatArray,
    IntArray,
    Rows,
)
from simulate.engine.compile import kernel
from simulate.engine.elementary import exp
from simulate.engine.logrank import lane_sum

# A step of Halley's method leaves an error of about its cube, and the information, carried over it
# by its slope, one of about an eighth of its square: some 1e-12 at most.
LAST_STEP = 3e-6
MAX_STEPS = 100
BRACKET = 50.0


@kernel
def cox_score(
    rows: Rows,
    n_rows: int,
    n_tied: int,
    ties: int,
    beta: float,
    expected: FloatArray,
    variance: FloatArray,
    skewness: FloatArray,
) -> tuple[float, float, float]:
    """Expected experimental events at log hazard ratio ``beta``, and its first two derivatives.

    The score is the observed number less the first figure; the second is the information. Breslow:
    ``d`` tied events have the whole risk set. Efron (1977): the ``l``-th of them has the risk set
    less the fraction ``l / d`` of the tied patients. The last three arguments are scratch.
    """
    theta = exp(beta)
    for j in range(n_rows):
        n1 = theta * rows.at_risk_experimental[j]
        p = n1 / (rows.at_risk[j] - rows.at_risk_experimental[j] + n1)
        v = p * (1.0 - p)
        expected[j] = p
        variance[j] = v
        skewness[j] = v * (1.0 - 2.0 * p)
    if n_tied > 0:
        for j in range(n_rows):
            if rows.events[j] > 1:
                _add_tied(rows, j, ties, theta, expected, variance, skewness)
    return lane_sum(expected, n_rows), lane_sum(variance, n_rows), lane_sum(skewness, n_rows)


@kernel
def _add_tied(
    rows: Rows,
    j: int,
    ties: int,
    theta: float,
    expected: FloatArray,
    variance: FloatArray,
    skewness: FloatArray,
) -> None:
    """Sums over the tied events of row ``j``."""
    d = rows.events[j]
    d1 = rows.events_experimental[j]
    n1 = rows.at_risk_experimental[j]
    n0 = rows.at_risk[j] - n1
    expected[j] = 0.0
    variance[j] = 0.0
    skewness[j] = 0.0
    for k in range(d):
        removed = k / d if ties == ESTIMATE_EFRON else 0.0
        weighted = theta * (n1 - removed * d1)
        p = weighted / (n0 - removed * (d - d1) + weighted)
        v = p * (1.0 - p)
        expected[j] += p
        variance[j] += v
        skewness[j] += v * (1.0 - 2.0 * p)


@kernel
def is_finite(
    at_risk: IntArray,
    at_risk_experimental: IntArray,
    events: IntArray,
    events_experimental: IntArray,
    n_rows: int,
    n_tied: int,
) -> bool:
    """Whether the maximum of the partial likelihood is finite.

    The score falls from the number of experimental events seen while controls are at risk, as beta
    goes to minus infinity, to minus the number of control events seen while experimental patients
    are at risk: both must be positive.
    """
    experimental = 0
    control = 0
    for j in range(n_rows):
        d1 = events_experimental[j]
        d = events[j] if n_tied > 0 else 1
        experimental += d1 * int(at_risk[j] > at_risk_experimental[j])
        control += (d - d1) * int(at_risk_experimental[j] > 0)
    return (experimental > 0) & (control > 0)


@kernel
def cox(
    rows: Rows,
    n_rows: int,
    n_tied: int,
    ties: int,
    observed: int,
    start: float,
    expected: FloatArray,
    variance: FloatArray,
    skewness: FloatArray,
) -> tuple[float, float, int]:
    """Log hazard ratio, its standard error and a status flag (0 if all is well).

    Halley's method on the score, ``observed`` less expected events, from ``start``, until the next
    step would be below 1e-12. The score falls with beta, so a bracket around its root replaces a
    step that leaves it. The standard error is one over the root of the information, which is
    carried over the last small step by its derivative.
    """
    if not is_finite(
        rows.at_risk,
        rows.at_risk_experimental,
        rows.events,
        rows.events_experimental,
        n_rows,
        n_tied,
    ):
        return 0.0, 0.0, STATUS_ESTIMATE_INFINITE
    low = -BRACKET
    high = BRACKET
    beta = min(max(start, low), high)
    for _ in range(MAX_STEPS):
        mean, information, slope = cox_score(
            rows, n_rows, n_tied, ties, beta, expected, variance, skewness
        )
        score = observed - mean
        if score > 0.0:
            low = beta
        else:
            high = beta
        step = 0.5 * (low + high) - beta
        if information > 0.0:
            newton = score / information
            # Halley: 2 f f' / (2 f'^2 - f f'') for f = score, f' = -information, f'' = -slope.
            damping = 1.0 + 0.5 * newton * slope / information
            halley = newton / damping if damping > 0.5 else newton
            if low <= beta + halley <= high:
                step = halley
        beta += step
        if abs(step) < LAST_STEP and information > 0.0:
            return beta, 1.0 / math.sqrt(information + slope * step), 0
    return 0.0, 0.0, STATUS_ESTIMATE_NOT_CONVERGED
