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

from simulate.engine.arrays import FloatArray, IntArray, aligned, whole_lines
from simulate.engine.codes import STATUS_NO_INFORMATION, WEIGHTS_NONE
from simulate.engine.compile import inlined_kernel, kernel
from simulate.engine.elementary import exp, log
from simulate.engine.logrank import lane_sum
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
    weights : FloatArray, shape (4, at least n_patients + 1)
        Weights of the event times, a row a component.
    products, folded : FloatArray, shape (n_patients + 1,)
        Weights times variances, and of `sum_of_products`.
    maximum : MaximumScratch
        Of `max_p_value`.
    """

    scores: FloatArray
    covariance: FloatArray
    correlation: FloatArray
    weights: FloatArray
    products: FloatArray
    folded: FloatArray
    maximum: MaximumScratch


def new_maxcombo_scratch(n_patients: int) -> MaxComboScratch:
    """Scratch memory for `combine` on up to ``n_patients`` event times."""
    square = (MOST_COMPONENTS, MOST_COMPONENTS)
    return MaxComboScratch(
        scores=np.zeros(MOST_COMPONENTS),
        covariance=np.zeros(square),
        correlation=np.zeros(square),
        weights=aligned((MOST_COMPONENTS, whole_lines(n_patients + 1))).view(np.float64),
        products=aligned((n_patients + 1,)).view(np.float64),
        folded=aligned((n_patients + 1,)).view(np.float64),
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
        scratch.scores[a] = sum_of_products(weights, difference, n_sets, scratch.folded)
        for j in range(n_sets):
            products[j] = weights[j] * variance[j]
        for b in range(a, m):
            covariance = sum_of_products(products, scratch.weights[b], n_sets, scratch.folded)
            scratch.covariance[a, b] = covariance
            scratch.covariance[b, a] = covariance


@inlined_kernel
def sum_of_products(left: FloatArray, right: FloatArray, n: int, folded: FloatArray) -> float:
    """Sum of ``left[:n] * right[:n]``, each quarter on top of the others, then as in `lane_sum`.

    One fixed order that vectorises, with a quarter of the additions that wait for each other.
    ``folded`` (n,) is scratch.
    """
    n_folded = n // 4
    whole = 4 * n_folded
    left_0 = left[:n_folded]
    left_1 = left[n_folded : 2 * n_folded]
    left_2 = left[2 * n_folded : 3 * n_folded]
    left_3 = left[3 * n_folded : whole]
    right_0 = right[:n_folded]
    right_1 = right[n_folded : 2 * n_folded]
    right_2 = right[2 * n_folded : 3 * n_folded]
    right_3 = right[3 * n_folded : whole]
    for j in range(n_folded):
        first = left_0[j] * right_0[j] + left_1[j] * right_1[j]
        second = left_2[j] * right_2[j] + left_3[j] * right_3[j]
        folded[j] = first + second
    rest = 0.0
    for j in range(whole, n):
        rest += left[j] * right[j]
    return lane_sum(folded, n_folded) + rest


@kernel
def _correlate(m: int, scratch: MaxComboScratch) -> float:
    """Correlations of the scores, and the largest z; minus infinity if a variance is 0."""
    covariance = scratch.covariance
    correlation = scratch.correlation
    z_max = -np.inf
    for a in range(m):
        if not covariance[a, a] > 0.0:
            return -np.inf
        deviation = math.sqrt(covariance[a, a])
        z_max = max(z_max, scratch.scores[a] / deviation)
        # The diagonal holds the deviations until they are no longer needed.
        correlation[a, a] = deviation
        for b in range(a):
            correlation[b, a] = covariance[b, a] / (deviation * correlation[b, b])
            correlation[a, b] = correlation[b, a]
    for a in range(m):
        correlation[a, a] = 1.0
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
