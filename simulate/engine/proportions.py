"""Tests and estimates of binary endpoints, from the responders and patients of each stratum.

A response is good: positive z, and estimates above 0, favour the experimental arm (1) over the
control arm (0). Counts are of shape (n_strata,); an analysis without strata has one. A stratum in
which an arm has no patients says nothing and is passed over.
"""

from __future__ import annotations

import math

import numpy as np

from simulate.engine.arrays import FloatArray, IntArray
from simulate.engine.codes import STATUS_ESTIMATE_INFINITE, STATUS_NO_INFORMATION
from simulate.engine.compile import kernel
from simulate.engine.elementary import log
from simulate.engine.normal import normal_quantile

PROPORTIONS_POOLED = 0
PROPORTIONS_UNPOOLED = 1
PROPORTIONS_MIETTINEN_NURMINEN = 2
PROPORTIONS_FISHER = 3
PROPORTIONS_MANTEL_HAENSZEL = 4

# Newton's method for a restricted rate takes five steps or so, and one a bit near a double root.
MOST_STEPS = 100
# The last step, relative to the higher rate. Below two spacings of doubles it may not settle.
LEAST_STEP = 2.0**-51
# Terms of a tail smaller than this share of their sum are left out.
NEGLIGIBLE = 1e-20
# The normal quantile goes no farther; z then stays at 8.2 or -8.2.
LEAST_TAIL = 2.0**-53


@kernel
def compare_proportions(
    method: int,
    null_difference: float,
    x1: IntArray,
    n1: IntArray,
    x0: IntArray,
    n0: IntArray,
    n_strata: int,
) -> tuple[float, float, float, int]:
    """Difference in proportions, experimental less control: z, estimate, standard error, flag.

    The estimate weights the strata by ``n1 n0 / (n1 + n0)`` (Mantel and Haenszel 1959); its
    standard error has each arm's own variance. In z the variance is that under the null hypothesis,
    of the same weights:

    - `PROPORTIONS_POOLED`: at the rate of both arms together; in strata, Cochran's (1954) test.
    - `PROPORTIONS_UNPOOLED`: at each arm's own rate, as in the standard error.
    - `PROPORTIONS_MIETTINEN_NURMINEN`: at the most likely rates that differ by the
      ``null_difference``, times ``n / (n - 1)`` (Miettinen and Nurminen 1985).
    - `PROPORTIONS_MANTEL_HAENSZEL`: hypergeometric, without continuity correction.
    - `PROPORTIONS_FISHER`: z is the normal quantile of the one-sided exact p-value, the probability
      of as many experimental responders or more given both margins (Fisher 1935). One stratum only.

    A ``null_difference`` other than 0, strictly between -1 and 1, belongs to the unpooled and to
    Miettinen and Nurminen's test: callers exclude others. The flag is `STATUS_NO_INFORMATION` where
    no stratum has patients in both arms, or the variance in z is 0 (for Fisher's test: only one
    table is possible, or there are several strata), otherwise 0. What is undefined is NaN.
    """
    weights = 0.0
    difference = 0.0
    variance = 0.0
    null_variance = 0.0
    for s in range(n_strata):
        if n1[s] > 0 and n0[s] > 0:
            n = n1[s] + n0[s]
            weight = n1[s] * n0[s] / n
            weights += weight
            # A difference of whole numbers, exact, changes nothing but its sign with the arms.
            difference += (x1[s] * n0[s] - x0[s] * n1[s]) / n
            variance += weight * weight * _own_variance(x1[s], n1[s], x0[s], n0[s])
            null = _null_variance(method, null_difference, x1[s], n1[s], x0[s], n0[s])
            null_variance += weight * weight * null
    if weights == 0.0:
        return np.nan, np.nan, np.nan, STATUS_NO_INFORMATION
    estimate = difference / weights
    se = math.sqrt(variance) / weights
    if null_variance == 0.0 or (method == PROPORTIONS_FISHER and n_strata > 1):
        return np.nan, estimate, se, STATUS_NO_INFORMATION
    if method == PROPORTIONS_FISHER:
        upper, lower = _hypergeometric_tails(x1[0], n1[0], x0[0], n0[0])
        return _z_of_tails(upper, lower), estimate, se, 0
    z = (difference - null_difference * weights) / math.sqrt(null_variance)
    return z, estimate, se, 0


@kernel
def _own_variance(x1: int, n1: int, x0: int, n0: int) -> float:
    """Variance of the difference in proportions at each arm's own, sum of ``p (1 - p) / n``."""
    experimental = x1 * (n1 - x1) / (float(n1) * n1 * n1)
    control = x0 * (n0 - x0) / (float(n0) * n0 * n0)
    return experimental + control


@kernel
def _null_variance(
    method: int, null_difference: float, x1: int, n1: int, x0: int, n0: int
) -> float:
    """Variance of the difference in proportions under the null hypothesis, by method."""
    if method == PROPORTIONS_UNPOOLED:
        return _own_variance(x1, n1, x0, n0)
    variance = restricted_variance(null_difference, x1, n1, x0, n0)
    if method == PROPORTIONS_POOLED:
        return variance
    # At a difference of 0 this is the hypergeometric variance.
    n = n1 + n0
    return variance * (n / (n - 1.0))


@kernel
def restricted_variance(difference: float, x1: int, n1: int, x0: int, n0: int) -> float:
    """Variance of the difference in proportions at the most likely rates that differ so much."""
    if difference == 0.0:
        x = x1 + x0
        n = n1 + n0
        return x * (n - x) / (float(n) * n1 * n0)
    if 2 * (x1 + x0) > n1 + n0:
        # A rate near 0 is known more closely than one near 1: of non-responders it is the same.
        x1 = n1 - x1
        x0 = n0 - x0
        difference = -difference
    if difference < 0.0:
        return _variance_apart(-difference, x1, n1, x0, n0)
    return _variance_apart(difference, x0, n0, x1, n1)


@kernel
def _variance_apart(difference: float, x_low: int, n_low: int, x_high: int, n_high: int) -> float:
    """Variance of `restricted_variance`, of the arms with the lower and with the higher rate."""
    low = restricted_rate(difference, x_low, n_low, x_high, n_high)
    rest = (1.0 - difference) - low
    return low * (1.0 - low) / n_low + (low + difference) * rest / n_high


@kernel
def restricted_rate(difference: float, x_low: int, n_low: int, x_high: int, n_high: int) -> float:
    """Most likely rate of an arm if the rate of the other is higher by ``difference`` (0 to 1).

    The likelihood equation of both binomial samples, cleared of fractions, is a cubic (Miettinen
    and Nurminen, Statistics in Medicine 4, 1985, 213-226) that is not positive at ``-difference``,
    not negative at 0, not positive at ``1 - difference`` and not negative at 1. So its middle root
    is the one that is wanted, and Newton's method from the inflection goes there without turning.
    """
    total = n_low + n_high
    square = (n_high + 2.0 * n_low) * difference - total - x_low - x_high
    linear = (n_low * difference - total - 2.0 * x_low) * difference + x_low + x_high
    rate = -square / (3.0 * total)
    for _ in range(MOST_STEPS):
        higher = rate + difference
        rest = 1.0 - rate
        higher_rest = (1.0 - difference) - rate
        # In products rather than powers, which keeps its accuracy at rates near 0 and 1.
        value = higher * rest * (x_low * higher_rest - (n_high - x_high) * rate)
        value += rate * higher_rest * (x_high * rest - (n_low - x_low) * higher)
        slope = linear + rate * (2.0 * square + 3.0 * total * rate)
        # It is, but for rounding at a double root: nothing is divided by 0.
        if not slope < 0.0:
            break
        step = value / slope
        rate -= step
        if abs(step) <= LEAST_STEP * abs(higher):
            break
    return min(max(rate, 0.0), 1.0 - difference)


@kernel
def log_odds_ratio(
    x1: IntArray, n1: IntArray, x0: IntArray, n0: IntArray, n_strata: int
) -> tuple[float, float, int]:
    """Logarithm of Mantel and Haenszel's (1959) odds ratio, its standard error, and a flag.

    The variance is that of Robins, Breslow and Greenland (Biometrics 42, 1986, 311-323). In one
    stratum these are the plain odds ratio and Woolf's (1955) variance, the sum of one over each
    cell. Where the ratio is 0 or infinite the flag is `STATUS_ESTIMATE_INFINITE`; where it is 0
    over 0, `STATUS_NO_INFORMATION`; and the other two are NaN.
    """
    above = 0.0
    below = 0.0
    above_above = 0.0
    mixed = 0.0
    below_below = 0.0
    for s in range(n_strata):
        if n1[s] > 0 and n0[s] > 0:
            n = float(n1[s] + n0[s])
            a = x1[s]
            b = n1[s] - x1[s]
            c = x0[s]
            d = n0[s] - x0[s]
            r = a * d / n
            q = b * c / n
            share_r = (a + d) / n
            share_q = (b + c) / n
            above += r
            below += q
            above_above += share_r * r
            mixed += share_r * q + share_q * r
            below_below += share_q * q
    if above == 0.0 and below == 0.0:
        return np.nan, np.nan, STATUS_NO_INFORMATION
    if above == 0.0 or below == 0.0:
        return np.nan, np.nan, STATUS_ESTIMATE_INFINITE
    variance = above_above / (above * above) + mixed / (above * below)
    variance = 0.5 * (variance + below_below / (below * below))
    return log(above / below), math.sqrt(variance), 0


@kernel
def exact_binomial(x: int, n: int, p0: float) -> tuple[float, float]:
    """One arm against the rate ``p0`` (0 to 1): one-sided exact p-value, and z.

    P(X >= x) of ``n`` patients who respond with probability ``p0``; 0 where doubles end, by 1e-308.
    z is the normal quantile of 1 - p, no farther than 8.2 from 0.
    """
    mode = min(int((n + 1) * p0), n)
    upper, lower = _tails(x, mode, n, p0, 1.0 - p0, 0.0)
    return upper, _z_of_tails(upper, lower)


@kernel
def _hypergeometric_tails(x1: int, n1: int, x0: int, n0: int) -> tuple[float, float]:
    """Probability of ``x1`` or more experimental responders given both margins, and of fewer."""
    x = x1 + x0
    mode = (n1 + 1) * (x + 1) // (n1 + n0 + 2)
    return _tails(x1, mode, n1, float(x), float(n0 - x), 1.0)


@kernel
def _tails(x: int, mode: int, n: int, b: float, c: float, slope: float) -> tuple[float, float]:
    """P(X >= x) and P(X < x) of a number X from 0 to at most ``n``, most likely about ``mode``.

    P(k + 1) is P(k) times ``(n - k) (b - slope k) / ((k + 1) (c + slope (k + 1)))``, which is 0
    where X cannot go. The terms, relative to that of the mode, are summed outwards from it: none
    overflows, and the smaller of the two is accurate relative to itself.
    """
    upper = 0.0
    lower = 0.0
    if mode >= x:
        upper = 1.0
    else:
        lower = 1.0
    term = 1.0
    for k in range(mode, n):
        term *= (n - k) * (b - slope * k) / ((k + 1.0) * (c + slope * (k + 1.0)))
        if k + 1 >= x:
            upper += term
        else:
            lower += term
        # Before x nothing is left out: the sum is still 0.
        if term <= NEGLIGIBLE * upper:
            break
    term = 1.0
    for i in range(mode):
        k = mode - i
        term *= k * (c + slope * k) / ((n - k + 1.0) * (b - slope * (k - 1.0)))
        if k - 1 >= x:
            upper += term
        else:
            lower += term
        if term <= NEGLIGIBLE * lower:
            break
    total = upper + lower
    return upper / total, lower / total


@kernel
def _z_of_tails(upper: float, lower: float) -> float:
    """Normal quantile of a p-value ``upper`` = 1 - ``lower``, from the smaller of the two."""
    size = 0.0 - normal_quantile(max(min(upper, lower), LEAST_TAIL))
    return size if upper <= lower else -size


@kernel
def count_by_stratum(
    arm: IntArray,
    stratum: IntArray,
    calendar_event: FloatArray,
    experimental_arm: int,
    control_arm: int,
    n_entered: int,
    cutoff: float,
    n_strata: int,
    counts: IntArray,
) -> None:
    """Responders and patients of two arms by stratum, of the first ``n_entered`` patients.

    ``counts`` (4 * n_strata,): experimental responders by stratum, experimental patients, control
    responders, control patients.
    """
    for place in range(4 * n_strata):
        counts[place] = 0
    for i in range(n_entered):
        is_responder = int(calendar_event[i] <= cutoff)
        if arm[i] == experimental_arm:
            counts[stratum[i]] += is_responder
            counts[n_strata + stratum[i]] += 1
        elif arm[i] == control_arm:
            counts[2 * n_strata + stratum[i]] += is_responder
            counts[3 * n_strata + stratum[i]] += 1
