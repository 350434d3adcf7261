"""Hazard ratio of two arms: the (stratified) Cox model with the arm as its one covariate."""

from __future__ import annotations

from simulate.engine.arrays import (
    ESTIMATE_EFRON,
    STATUS_ESTIMATE_INFINITE,
    STATUS_ESTIMATE_NOT_CONVERGED,
    FloatArray,
    Rows,
)
from simulate.engine.compile import kernel
from simulate.engine.elementary import exp
from simulate.engine.logrank import lane_sum

TOLERANCE = 1e-12
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
) -> tuple[float, float]:
    """Expected experimental events at log hazard ratio ``beta``, and the information there.

    The score is the observed number less the first, and minus its derivative the second. Breslow:
    ``d`` tied events have the whole risk set. Efron (1977): the ``l``-th of them has the risk set
    less the fraction ``l / d`` of the tied patients. ``expected`` and ``variance`` are scratch.
    """
    theta = exp(beta)
    for j in range(n_rows):
        n1 = theta * rows.at_risk_experimental[j]
        p = n1 / (rows.at_risk[j] - rows.at_risk_experimental[j] + n1)
        expected[j] = p
        variance[j] = p * (1.0 - p)
    if n_tied > 0:
        for j in range(n_rows):
            d = rows.events[j]
            if d == 1:
                continue
            d1 = rows.events_experimental[j]
            n1 = rows.at_risk_experimental[j]
            n0 = rows.at_risk[j] - n1
            expected[j] = 0.0
            variance[j] = 0.0
            for k in range(d):
                removed = k / d if ties == ESTIMATE_EFRON else 0.0
                weighted = theta * (n1 - removed * d1)
                p = weighted / (n0 - removed * (d - d1) + weighted)
                expected[j] += p
                variance[j] += p * (1.0 - p)
    return lane_sum(expected, n_rows), lane_sum(variance, n_rows)


@kernel
def is_finite(rows: Rows, n_rows: int, n_tied: int) -> bool:
    """Whether the maximum of the partial likelihood is finite.

    The score falls from the number of experimental events seen while controls are at risk, as beta
    goes to minus infinity, to minus the number of control events seen while experimental patients
    are at risk: both must be positive.
    """
    experimental = 0
    control = 0
    for j in range(n_rows):
        if rows.at_risk[j] > rows.at_risk_experimental[j]:
            experimental += rows.events_experimental[j]
        if rows.at_risk_experimental[j] > 0:
            events = rows.events[j] if n_tied > 0 else 1
            control += events - rows.events_experimental[j]
    return experimental > 0 and control > 0


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
) -> tuple[float, float, int]:
    """Log hazard ratio, its standard error and a status flag (0 if all is well).

    Newton's method on the score, ``observed`` less expected events, from ``start``, until a step is
    below 1e-12; the score falls with beta, so a bracket around its root replaces a step that
    leaves it. The standard error is one over the root of the information at the estimate.
    """
    if not is_finite(rows, n_rows, n_tied):
        return 0.0, 0.0, STATUS_ESTIMATE_INFINITE
    low = -BRACKET
    high = BRACKET
    beta = min(max(start, low), high)
    for _ in range(MAX_STEPS):
        mean, information = cox_score(rows, n_rows, n_tied, ties, beta, expected, variance)
        score = observed - mean
        if score > 0.0:
            low = beta
        else:
            high = beta
        new = 0.5 * (low + high)
        if information > 0.0:
            newton = beta + score / information
            if low <= newton <= high:
                new = newton
        step = abs(new - beta)
        beta = new
        if step < TOLERANCE and information > 0.0:
            mean, information = cox_score(rows, n_rows, n_tied, ties, beta, expected, variance)
            return beta, (1.0 / information) ** 0.5, 0
    return 0.0, 0.0, STATUS_ESTIMATE_NOT_CONVERGED
