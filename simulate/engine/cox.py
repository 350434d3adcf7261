"""Hazard ratio of two arms: the (stratified) Cox model with the arm as its one covariate."""

from __future__ import annotations

import math

from simulate.engine.arrays import FloatArray, RiskSets
from simulate.engine.codes import (
    ESTIMATE_EFRON,
    STATUS_ESTIMATE_INFINITE,
    STATUS_ESTIMATE_NOT_CONVERGED,
)
from simulate.engine.compile import kernel
from simulate.engine.elementary import exp
from simulate.engine.logrank import (
    at_risk,
    at_risk_experimental,
    events_experimental,
    lane_sum,
)

# A step of Halley's method leaves an error of about its cube, and the information, carried over it
# by its slope, one of about an eighth of its square: some 1e-12 at most.
LAST_STEP = 3e-6
MAX_STEPS = 100
BRACKET = 50.0


@kernel
def cox_score(
    risk_sets: RiskSets,
    n_sets: int,
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
    counts = risk_sets.counts
    for j in range(n_sets):
        n1 = at_risk_experimental(counts[j])
        weighted = theta * n1
        p = weighted / (at_risk(counts[j]) - n1 + weighted)
        v = p * (1.0 - p)
        expected[j] = p
        variance[j] = v
        skewness[j] = v * (1.0 - 2.0 * p)
    if n_tied > 0:
        for j in range(n_sets):
            if risk_sets.events[j] > 1:
                _add_tied(risk_sets, j, ties, theta, expected, variance, skewness)
    return lane_sum(expected, n_sets), lane_sum(variance, n_sets), lane_sum(skewness, n_sets)


@kernel
def _add_tied(
    risk_sets: RiskSets,
    j: int,
    ties: int,
    theta: float,
    expected: FloatArray,
    variance: FloatArray,
    skewness: FloatArray,
) -> None:
    """Sums over the tied events of row ``j``."""
    counts = risk_sets.counts[j]
    d = risk_sets.events[j]
    d1 = events_experimental(counts)
    n1 = at_risk_experimental(counts)
    n0 = at_risk(counts) - n1
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
def is_finite(risk_sets: RiskSets, n_sets: int, n_tied: int) -> bool:
    """Whether the maximum of the partial likelihood is finite.

    The score falls from the number of experimental events seen while controls are at risk, as beta
    goes to minus infinity, to minus the number of control events seen while experimental patients
    are at risk: both must be positive.
    """
    counts = risk_sets.counts
    experimental = 0
    control = 0
    for j in range(n_sets):
        n1 = at_risk_experimental(counts[j])
        d1 = events_experimental(counts[j])
        d = risk_sets.events[j] if n_tied > 0 else 1
        experimental += d1 * int(at_risk(counts[j]) > n1)
        control += (d - d1) * int(n1 > 0)
    return (experimental > 0) & (control > 0)


@kernel
def cox(
    risk_sets: RiskSets,
    n_sets: int,
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
    if not is_finite(risk_sets, n_sets, n_tied):
        return 0.0, 0.0, STATUS_ESTIMATE_INFINITE
    low = -BRACKET
    high = BRACKET
    beta = min(max(start, low), high)
    for _ in range(MAX_STEPS):
        mean, information, slope = cox_score(
            risk_sets, n_sets, n_tied, ties, beta, expected, variance, skewness
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
