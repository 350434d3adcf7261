"""Probability that one of up to four correlated normal variables exceeds its limit.

With all correlations r scaled by one number t, from independence to what they are, the probability
that all variables are below their limits rises with t at the rate of

    sum over pairs of r f(t r) P(the others are below theirs, given that these two are at theirs),

f being the density of two normal variables at their limits (Plackett, Biometrika 41, 1954,
351-360). The others are two at most, whose probability is Owen's (Annals of Mathematical Statistics
27, 1956, 1075-1090). Singular matrices need nothing of their own, and nothing is random.

All is written in the deficits ``u = 1 - r``, so that nearly equal variables lose no digits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from itertools import combinations, pairwise

import numpy as np
from numpy.polynomial import legendre

from simulate.errors import DesignError
from simulate.scenario.hazards import FloatArray

MOST_VARIABLES = 4
# Variables of a smaller deficit are one: it is of the size of what correlations are rounded by.
_EQUAL = 1e-15
# Beyond, variables are opposite.
_MOST = 2.0 - _EQUAL
# Variances and limits below this are 0.
_NOTHING = 1e-30
_NODES = 16
# Panels in the root of 1 - t: nearly equal variables and nearly singular matrices let the integrand
# vary on any small scale there.
_EDGES = (0.0, *(10.0**-k for k in range(8, 1, -1)), 0.03, 0.1, 0.25, 0.6, 1.0)


def probability_any_above(
    limits: Sequence[float] | FloatArray, correlation: Sequence[Sequence[float]] | FloatArray
) -> float:
    """Probability that at least one of several standard normal variables exceeds its limit.

    Parameters
    ----------
    limits : sequence of float, length 1 to 4
        One a variable.
    correlation : array, shape (length, length)
        Correlation matrix, singular or not.

    Returns
    -------
    float
        To an absolute error of 1e-8.

    Raises
    ------
    DesignError
        If there are no variables or more than four.
    """
    from scipy.special import log_ndtr  # noqa: PLC0415 - slow to import

    if not 1 <= len(limits) <= MOST_VARIABLES:
        raise DesignError("limits", f"must be 1 to {MOST_VARIABLES}", len(limits))
    b, u = _distinct(np.asarray(limits, dtype=np.float64), 1.0 - np.asarray(correlation))
    lacking, weights = _path()
    # 1 - t r on the way, shape (variables, variables, nodes).
    on_the_way = np.minimum(lacking + (1.0 - lacking) * u[..., None], _MOST)
    on_the_way[np.diag_indices(len(b))] = 0.0
    total = -math.expm1(float(np.sum(log_ndtr(b))))
    for i, j in combinations(range(len(b)), 2):
        rate = _density(b[i], b[j], on_the_way[i, j]) * _others_below(b, on_the_way, i, j)
        total -= (1.0 - u[i, j]) * float(np.sum(weights * rate))
    return float(min(max(total, 0.0), 1.0))


def _distinct(limits: FloatArray, deficits: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Only the lowest limit of variables that are equal."""
    kept: list[int] = []
    for k in np.argsort(limits, kind="stable"):
        if all(deficits[k, j] > _EQUAL for j in kept):
            kept.append(int(k))
    return limits[kept], deficits[np.ix_(kept, kept)]


@cache
def _path() -> tuple[FloatArray, FloatArray]:
    """What t lacks of 1 at nodes from 0 to 1, and weights: Gauss-Legendre panels in its root."""
    nodes, node_weights = legendre.leggauss(_NODES)
    halves = [((high - low) / 2.0, (high + low) / 2.0) for low, high in pairwise(_EDGES)]
    root = np.concatenate([middle + half * nodes for half, middle in halves])
    weights = np.concatenate([half * node_weights for half, _ in halves]) * 2.0 * root
    lacking = root * root
    # The same arrays for every caller.
    for array in (lacking, weights):
        array.flags.writeable = False
    return lacking, weights


def _density(h: float, k: float, u: FloatArray) -> FloatArray:
    """Density of two standard normal variables of correlation ``1 - u`` at ``h`` and ``k``."""
    square = 0.5 * ((h - k) ** 2 / u + (h + k) ** 2 / (2.0 - u))
    return np.asarray(np.exp(-0.5 * square) / (2.0 * math.pi * np.sqrt(u * (2.0 - u))))


def _others_below(b: FloatArray, u: FloatArray, i: int, j: int) -> FloatArray:
    """Probability that the others are below their limits, given that ``i`` and ``j`` are at theirs.

    ``u`` has shape (variables, variables, nodes), the answer (nodes,).
    """
    from scipy.special import ndtr  # noqa: PLC0415 - slow to import

    def given_i(k: int, m: int) -> FloatArray:
        """Covariance of two variables given ``i``, as that of their distances to it."""
        return np.asarray(u[k, i] + u[m, i] - u[k, m] - u[k, i] * u[m, i])

    def ahead(k: int) -> FloatArray:
        """Limit of a variable less its mean given that ``i`` is at its limit."""
        return np.asarray(b[k] - b[i] + u[k, i] * b[i])

    def given_both(k: int, m: int) -> FloatArray:
        return given_i(k, m) - given_i(k, j) * given_i(m, j) / given_i(j, j)

    others = [k for k in range(len(b)) if k not in (i, j)]
    if not others:
        return np.ones(u.shape[-1])
    deviations = [np.sqrt(np.maximum(given_both(k, k), _NOTHING)) for k in others]
    scaled = [
        (ahead(k) - given_i(k, j) / given_i(j, j) * ahead(j)) / deviation
        for k, deviation in zip(others, deviations, strict=True)
    ]
    if len(others) == 1:
        return np.asarray(ndtr(scaled[0]))
    r = given_both(*others) / (deviations[0] * deviations[1])
    return _both_below(scaled[0], scaled[1], r)


def _both_below(h: FloatArray, k: FloatArray, r: FloatArray) -> FloatArray:
    """Probability that two standard normal variables of correlation ``r`` are below their limits.

    By Owen's function, whose slopes are infinite where a limit is 0 and where ``r`` is 1 or -1.
    """
    from scipy.special import ndtr, owens_t  # noqa: PLC0415 - slow to import

    h, k = (np.where(np.abs(x) > _NOTHING, x, np.copysign(_NOTHING, x)) for x in (h, k))
    root = np.sqrt(np.maximum((1.0 - r) * (1.0 + r), _NOTHING))
    owen = owens_t(h, (k - r * h) / (h * root)) + owens_t(k, (h - r * k) / (k * root))
    opposite = np.where(np.signbit(h) != np.signbit(k), 0.5, 0.0)
    return np.asarray(0.5 * (ndtr(h) + ndtr(k)) - owen - opposite)
