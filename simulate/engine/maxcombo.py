"""MaxCombo: the largest of several weighted log-rank statistics, and its p-value.

Under the null hypothesis the statistics are normal with correlations that the data give: the
weights are functions of the pooled survival, and the variances of the event times are shared
(Karrison, Stata Journal 16, 2016, 678-690; Lin and others, Statistics in Biopharmaceutical Research
12, 2020, 187-198).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from simulate.engine.arrays import (
    STATUS_NO_INFORMATION,
    WEIGHTS_NONE,
    FloatArray,
    IntArray,
)
from simulate.engine.compile import kernel
from simulate.engine.elementary import exp, log
from simulate.engine.logrank import LANES
from simulate.engine.maximum import (
    HIGHEST,
    MaximumScratch,
    max_p_value,
    new_maximum_scratch,
)
from simulate.engine.normal import normal_cdf, normal_quantile
from simulate.engine.unit_vectors import MOST_VARIABLES
from simulate.engine.weighted import event_weights

MOST_COMPONENTS = MOST_VARIABLES
# The quantile's domain.
SMALLEST_TAIL = 2.0**-53
INVERSE_ROOT_2PI = 0.3989422804014327


class MaxComboScratch(NamedTuple):
    """Scratch memory of `combine`, which leaves the components' results here.

    Attributes
    ----------
    scores : FloatArray, shape (4,)
        Scores of the components, positive if the experimental arm does better.
    covariance, correlation : FloatArray, shape (4, 4)
        Of the scores.
    weights : FloatArray, shape (4, n_patients + 1)
        Weights of the event times, a row a component.
    products : FloatArray, shape (n_patients + 1,)
        Weights times variances.
    maximum : MaximumScratch
        Of `max_p_value`.
    """

    scores: FloatArray
    covariance: FloatArray
    correlation: FloatArray
    weights: FloatArray
    products: FloatArray
    maximum: MaximumScratch


def new_maxcombo_scratch(n_patients: int) -> MaxComboScratch:
    """Scratch memory for `combine` on up to ``n_patients`` event times."""
    square = (MOST_COMPONENTS, MOST_COMPONENTS)
    return MaxComboScratch(
        scores=np.zeros(MOST_COMPONENTS),
        covariance=np.zeros(square),
        correlation=np.zeros(square),
        weights=np.zeros((MOST_COMPONENTS, n_patients + 1)),
        products=np.zeros(n_patients + 1),
        maximum=new_maximum_scratch(),
    )


@kernel
def combine(
    survival: FloatArray,
    months: FloatArray,
    difference: FloatArray,
    variance: FloatArray,
    n_sets: int,
    first_of_stratum: IntArray,
    n_strata: int,
    kinds: IntArray,
    first_parameters: FloatArray,
    second_parameters: FloatArray,
    scratch: MaxComboScratch,
) -> tuple[float, float, float, int]:
    """MaxCombo test: z of its p-value, largest z of the components, p-value, and a flag.

    ``survival`` is that of `pooled_survival`, ``difference`` and ``variance`` (n_sets,) are those
    of `hypergeometric`, ``months`` those of the event times. ``kinds`` (m,) and the parameters (m,)
    are the components' weights, of which `WEIGHTS_NONE` are all 1, ``m`` from 1 to
    `MOST_COMPONENTS`. One-sided: positive if the experimental arm does better. NaN, and the flag
    `STATUS_NO_INFORMATION`, if the score of a component has no variance.
    """
    m = len(kinds)
    for a in range(m):
        weights = scratch.weights[a]
        if kinds[a] == WEIGHTS_NONE:
            for j in range(n_sets):
                weights[j] = 1.0
        else:
            event_weights(
                kinds[a],
                first_parameters[a],
                second_parameters[a],
                survival,
                months,
                n_sets,
                first_of_stratum,
                n_strata,
                weights,
            )
    _scores_and_covariance(difference, variance, n_sets, m, scratch)
    z_max = _correlate(m, scratch)
    if not z_max > -np.inf:
        return np.nan, np.nan, np.nan, STATUS_NO_INFORMATION
    p = max_p_value(z_max, scratch.correlation, m, scratch.maximum)
    return z_of_p_value(p, z_max), z_max, p, 0


@kernel
def _scores_and_covariance(
    difference: FloatArray, variance: FloatArray, n_sets: int, m: int, scratch: MaxComboScratch
) -> None:
    """Scores of the weights, and the covariance matrix."""
    products = scratch.products
    for a in range(m):
        weights = scratch.weights[a]
        scratch.scores[a] = lane_product_sum(weights, difference, n_sets)
        for j in range(n_sets):
            products[j] = weights[j] * variance[j]
        for b in range(a, m):
            covariance = lane_product_sum(products, scratch.weights[b], n_sets)
            scratch.covariance[a, b] = covariance
            scratch.covariance[b, a] = covariance


@kernel
def lane_product_sum(left: FloatArray, right: FloatArray, n: int) -> float:
    """Sum of ``left[:n] * right[:n]`` in eight interleaved partial sums, as in `lane_sum`."""
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
    whole = n - n % LANES
    for i in range(0, whole, LANES):
        s0 += left[i] * right[i]
        s1 += left[i + 1] * right[i + 1]
        s2 += left[i + 2] * right[i + 2]
        s3 += left[i + 3] * right[i + 3]
        s4 += left[i + 4] * right[i + 4]
        s5 += left[i + 5] * right[i + 5]
        s6 += left[i + 6] * right[i + 6]
        s7 += left[i + 7] * right[i + 7]
    rest = 0.0
    for i in range(whole, n):
        rest += left[i] * right[i]
    return (((s0 + s4) + (s2 + s6)) + ((s1 + s5) + (s3 + s7))) + rest


@kernel
def _correlate(m: int, scratch: MaxComboScratch) -> float:
    """Correlations of the scores, and the largest z; minus infinity if a variance is 0."""
    covariance = scratch.covariance
    z_max = -np.inf
    for a in range(m):
        if not covariance[a, a] > 0.0:
            return -np.inf
        z_max = max(z_max, scratch.scores[a] / math.sqrt(covariance[a, a]))
    for a in range(m):
        for b in range(m):
            scale = math.sqrt(covariance[a, a]) * math.sqrt(covariance[b, b])
            scratch.correlation[a, b] = covariance[a, b] / scale
    return z_max


@kernel
def z_of_p_value(p: float, z_max: float) -> float:
    """The z whose upper tail is ``p``, the `max_p_value` of ``z_max`` (scalar).

    It is finite for every ``z_max``: below it by what it is at the end of the domain, where ``p``
    is less than any double; and at least -8.2.
    """
    if p > SMALLEST_TAIL:
        return -normal_quantile(min(p, 1.0 - SMALLEST_TAIL))
    # Newton's steps for the logarithm of the tail, from a z that is at most log(4) / z too large.
    highest = min(z_max, HIGHEST)
    z = highest
    for _ in range(4):
        tail = normal_cdf(-z)
        z += tail * log(tail / p) / (INVERSE_ROOT_2PI * exp(-0.5 * z * z))
    return z + (z_max - highest)
