"""MaxCombo: the slow twin.

The probability by Plackett's identity (Biometrika 41, 1954, 351-360): the derivative with respect
to a correlation is the density of those two at the limit times the probability that the others,
given these, are below theirs. Integrated from independence, all correlations scaled by one
number, by Gauss-Legendre rules, with scipy's function of Owen's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations, pairwise

import numpy as np
from scipy.special import ndtr, owens_t
from twins.slow_logrank import Observed
from twins.slow_weighted import WeightFunction, slow_terms

from simulate.engine.arrays import FloatArray

# A variance given two others that is below this is rounding.
NOTHING = 1e-16


def both_below(h: float, k: float, correlation: float) -> float:
    """Probability that two standard normal variables are below ``h`` and ``k`` (Owen 1956)."""
    if correlation > 1.0 - NOTHING:
        return float(ndtr(min(h, k)))
    if correlation < NOTHING - 1.0:
        return max(0.0, float(ndtr(h) - ndtr(-k)))
    root = math.sqrt((1.0 - correlation) * (1.0 + correlation))
    # Owen's function wants the slopes; where a limit is 0, they are infinite.
    h, k = (limit if abs(limit) > NOTHING else math.copysign(NOTHING, limit) for limit in (h, k))
    owen = owens_t(h, (k / h - correlation) / root) + owens_t(k, (h / k - correlation) / root)
    return float(0.5 * (ndtr(h) + ndtr(k)) - owen - (0.5 if h * k < 0.0 else 0.0))


def others_below(c: float, correlation: FloatArray, i: int, j: int) -> float:
    """Probability that the variables other than two are below ``c``, given that those are at c."""
    others = [k for k in range(len(correlation)) if k not in (i, j)]
    given = np.linalg.inv(correlation[np.ix_([i, j], [i, j])])
    towards = correlation[np.ix_(others, [i, j])]
    means = towards @ given @ np.array([c, c])
    covariance = correlation[np.ix_(others, others)] - towards @ given @ towards.T
    deviations = np.sqrt(np.maximum(np.diag(covariance), NOTHING))
    limits = (c - means) / deviations
    if len(others) < 2:
        return float(np.prod(ndtr(limits)))
    h, k = map(float, limits)
    return both_below(h, k, covariance[0, 1] / (deviations[0] * deviations[1]))


def slow_max_p_value(z_max: float, correlation: FloatArray) -> float:
    """Probability that the largest of two to four normal variables is at least ``z_max``.

    No two of them may be equal, nor opposite.
    """
    m = len(correlation)
    unit = np.eye(m)

    def slope(v: float) -> float:
        # Scaled by 1 - v**2, with which the root at 1 is gone.
        scaled = unit + (1.0 - v * v) * (correlation - unit)
        total = 0.0
        for i, j in combinations(range(m), 2):
            r = scaled[i, j]
            density = math.exp(-z_max * z_max / (1.0 + r)) / math.sqrt((1.0 - r) * (1.0 + r))
            total += correlation[i, j] * density * others_below(z_max, scaled, i, j)
        return 2.0 * v * total / (2.0 * math.pi)

    nodes, weights = np.polynomial.legendre.leggauss(16)
    rise = 0.0
    for low, high in pairwise(
        (0.0, *(10.0**-k for k in range(6, 1, -1)), 0.03, 0.1, 0.25, 0.6, 1.0)
    ):
        half = (high - low) / 2.0
        values = [slope(low + half * (1.0 + node)) for node in nodes]
        rise += half * float(weights @ np.array(values))
    return float(1.0 - ndtr(z_max) ** m - rise)


def slow_components(
    observed: Sequence[Observed], weights: Sequence[WeightFunction]
) -> tuple[FloatArray, FloatArray]:
    """Standardised score of each weighting, and their correlation matrix, by plain loops."""
    terms = [list(slow_terms(observed, weight)) for weight in weights]
    scores = [math.fsum(t.weight * float(t.difference) for t in each) for each in terms]
    covariance = np.array(
        [
            [
                math.fsum(
                    a.weight * b.weight * float(a.variance) for a, b in zip(x, y, strict=True)
                )
                for y in terms
            ]
            for x in terms
        ]
    )
    deviations = np.sqrt(np.diag(covariance))
    return np.array(scores) / deviations, covariance / np.outer(deviations, deviations)
