"""Confidence intervals of a proportion and of the difference of two proportions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from simulate.scenario.hazards import FloatArray

# Newton's method for a restricted rate takes five steps or so, and one a bit near a double root;
# its error is about the square of its last step.
_NEWTON_STEPS = 100
_LAST_STEP = 1e-12
# Halvings of an interval of length 2 at most, down to the spacing of doubles at 1.
_HALVINGS = 54


def clopper_pearson(x: ArrayLike, n: ArrayLike, level: float) -> tuple[FloatArray, FloatArray]:
    """Exact confidence interval of a proportion.

    At the lower limit ``x`` or more responders, at the upper ``x`` or fewer, have half of the
    probability ``1 - level`` (Clopper and Pearson, Biometrika 26, 1934, 404-413): quantiles of beta
    distributions. It covers the proportion with at least the probability ``level``.

    Parameters
    ----------
    x, n : array_like
        Responders and patients, whole numbers, of shapes that broadcast. Without patients the
        interval is from 0 to 1.
    level : float
        Confidence level, two-sided, strictly between 0 and 1.

    Returns
    -------
    tuple of array
        Lower and upper limits.

    Raises
    ------
    ValueError
        If ``level`` is out of its range, or ``x`` is not between 0 and ``n``.
    """
    from scipy.special import betaincinv  # noqa: PLC0415 - slow to import

    successes, patients = _counts(x, n)
    half = 0.5 * (1.0 - _checked(level))
    failures = patients - successes
    # The beta distributions at the ends are degenerate.
    inside = betaincinv(np.maximum(successes, 1.0), failures + 1.0, half)
    lower = np.where(successes > 0.0, inside, 0.0)
    inside = betaincinv(successes + 1.0, np.maximum(failures, 1.0), 1.0 - half)
    return lower, np.where(failures > 0.0, inside, 1.0)


def wilson(x: ArrayLike, n: ArrayLike, level: float) -> tuple[FloatArray, FloatArray]:
    """Score confidence interval of a proportion (Wilson, JASA 22, 1927, 209-212).

    The rates that the score test, with the variance at the rate itself and without continuity
    correction, does not reject.

    Parameters
    ----------
    x, n : array_like
        Responders and patients, whole numbers, of shapes that broadcast. Without patients the
        interval is from 0 to 1.
    level : float
        Confidence level, two-sided, strictly between 0 and 1.

    Returns
    -------
    tuple of array
        Lower and upper limits.

    Raises
    ------
    ValueError
        If ``level`` is out of its range, or ``x`` is not between 0 and ``n``.
    """
    successes, patients = _counts(x, n)
    z = _quantile(level)
    lower = _wilson_lower(successes, patients, z)
    return lower, 1.0 - _wilson_lower(patients - successes, patients, z)


def _wilson_lower(x: FloatArray, n: FloatArray, z: float) -> FloatArray:
    """Lower root of ``(n + z**2) p**2 - (2 x + z**2) p + x**2 / n``, exactly 0 at ``x`` = 0."""
    share = x / np.maximum(n, 1.0)
    upper_root = x + 0.5 * z * z + z * np.sqrt(x * (1.0 - share) + 0.25 * z * z)
    return np.asarray(share * x / upper_root)


def miettinen_nurminen(
    x1: ArrayLike, n1: ArrayLike, x0: ArrayLike, n0: ArrayLike, level: float
) -> tuple[FloatArray, FloatArray]:
    """Score confidence interval of a difference in proportions, experimental less control.

    The differences that the score test does not reject, whose variance is that at the most likely
    rates with this difference, times ``n / (n - 1)`` with ``n = n1 + n0`` (Miettinen and Nurminen,
    Statistics in Medicine 4, 1985, 213-226).

    Parameters
    ----------
    x1, n1, x0, n0 : array_like
        Responders and patients of the experimental and of the control arm, whole numbers, of shapes
        that broadcast. Without patients in an arm the interval is from -1 to 1.
    level : float
        Confidence level, two-sided, strictly between 0 and 1.

    Returns
    -------
    tuple of array
        Lower and upper limits, accurate to about 1e-13.

    Raises
    ------
    ValueError
        If ``level`` is out of its range, or a number of responders is not between 0 and that of the
        patients.
    """
    z = _quantile(level)
    arms = *_counts(x1, n1), *_counts(x0, n0)
    everywhere = np.array(np.broadcast_arrays(*arms))
    # Trials repeat few tables often: each is searched once.
    tables, place = np.unique(everywhere.reshape(4, -1), axis=1, return_inverse=True)
    lower, upper = np.full(tables.shape[1], -1.0), np.ones(tables.shape[1])
    known = (tables[1] > 0.0) & (tables[3] > 0.0)
    lower[known] = _lower_limit(z, *tables[:, known])
    # With the arms exchanged the difference changes its sign.
    upper[known] = -_lower_limit(z, *tables[[2, 3, 0, 1]][:, known])
    place = place.reshape(everywhere.shape[1:])
    return lower[place], upper[place]


def _lower_limit(
    z: float, x1: FloatArray, n1: FloatArray, x0: FloatArray, n0: FloatArray
) -> FloatArray:
    """Difference below the estimate at which the score statistic is ``z``, by bisection, (n,)."""
    estimate = x1 / n1 - x0 / n0
    below, above = np.full(estimate.shape, -1.0), estimate
    for _ in range(_HALVINGS):
        middle = 0.5 * (below + above)
        error = np.sqrt(_restricted_variance(middle, x1, n1, x0, n0))
        rejected = estimate - middle > z * error
        below = np.where(rejected, middle, below)
        above = np.where(rejected, above, middle)
    return 0.5 * (below + above)


def _restricted_variance(
    difference: FloatArray, x1: FloatArray, n1: FloatArray, x0: FloatArray, n0: FloatArray
) -> FloatArray:
    """Miettinen and Nurminen's variance of the difference, at the most likely rates, (n,)."""
    is_lower = difference < 0.0
    gap = np.abs(difference)
    n_low, n_high = np.where(is_lower, n1, n0), np.where(is_lower, n0, n1)
    x_low, x_high = np.where(is_lower, x1, x0), np.where(is_lower, x0, x1)
    low = restricted_rate(gap, x_low, n_low, x_high, n_high)
    high_rest = 1.0 - gap - low
    variance = low * (1.0 - low) / n_low + (low + gap) * high_rest / n_high
    n = n1 + n0
    return np.asarray(variance * (n / (n - 1.0)))


def restricted_rate(
    gap: FloatArray, x_low: FloatArray, n_low: FloatArray, x_high: FloatArray, n_high: FloatArray
) -> FloatArray:
    """Most likely rate of an arm if the rate of the other is higher by ``gap``, (n,).

    The middle root of the cubic likelihood equation, to which Newton's method goes from the
    inflection without turning, as in the engine's kernel of this name.
    """
    total, responders = n_low + n_high, x_low + x_high
    square = (n_high + 2.0 * n_low) * gap - total - responders
    linear = (n_low * gap - total - 2.0 * x_low) * gap + responders
    rate = -square / (3.0 * total)
    for _ in range(_NEWTON_STEPS):
        high, high_rest = rate + gap, 1.0 - gap - rate
        value = high * (1.0 - rate) * (x_low * high_rest - (n_high - x_high) * rate)
        value += rate * high_rest * (x_high * (1.0 - rate) - (n_low - x_low) * high)
        slope = linear + rate * (2.0 * square + 3.0 * total * rate)
        # Only at a double root is the slope not negative.
        step = np.where(slope < 0.0, value / np.where(slope < 0.0, slope, -1.0), 0.0)
        rate = rate - step
        if np.all(np.abs(step) < _LAST_STEP):
            break
    return np.clip(rate, 0.0, 1.0 - gap)


def _counts(x: ArrayLike, n: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Responders and patients as floats of one shape, checked."""
    responders, patients = np.broadcast_arrays(np.asarray(x, float), np.asarray(n, float))
    wrong = ~((responders >= 0.0) & (responders <= patients) & np.isfinite(patients))
    if np.any(wrong):
        given, of = responders[wrong].flat[0], patients[wrong].flat[0]
        raise ValueError(f"responders must be from 0 to the patients (given: {given:g} of {of:g})")
    return responders, patients


def _checked(level: float) -> float:
    """Return the confidence level if it is one."""
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must be strictly between 0 and 1 (given: {level})")
    return level


def _quantile(level: float) -> float:
    """Normal quantile of a two-sided confidence level."""
    from scipy.special import ndtri  # noqa: PLC0415 - slow to import

    return -float(ndtri(0.5 * (1.0 - _checked(level))))
